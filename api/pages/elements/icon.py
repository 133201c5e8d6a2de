"""Line icons, drawn here so that nothing is fetched; always beside words, so hidden from screen readers."""

# ruff: noqa: E501 - a path is best on one line

from nicegui import ui

_PATHS = {
    "live": '<path d="M3 13h4l3-8 4 14 3-6h4"/>',
    "devices": '<rect x="4" y="3" width="16" height="18" rx="2"/><path d="M8 8h8M8 12h3"/><circle cx="15" cy="16" r="2"/>',
    "alarms": '<path d="M6 17V11a6 6 0 0 1 12 0v6l2 2H4z"/><path d="M10 21.5h4"/>',
    "letters": '<rect x="3" y="5" width="18" height="14" rx="2"/><path d="m4 7 8 6 8-6"/>',
    "electricity": '<path d="M13 2.5 5 13.5h6l-1 8 8-11h-6z"/>',
    "water": '<path d="M12 3s6.5 7 6.5 11.5a6.5 6.5 0 0 1-13 0C5.5 10 12 3 12 3z"/>',
    "gas": '<path d="M12 21a6 6 0 0 0 6-6c0-4-3-5.5-3.5-9.5C12 7 10.5 9 10.5 11.5 9.5 11 9 10 9 9c-2 1.5-3 4-3 6a6 6 0 0 0 6 6z"/>',
    "heat": '<path d="M7 20c-2-3 2-5 0-8s2-5 0-8M13 20c-2-3 2-5 0-8s2-5 0-8M19 20c-2-3 2-5 0-8s2-5 0-8"/>',
    "people": '<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20a6.5 6.5 0 0 1 13 0M16 5a3.5 3.5 0 0 1 0 6.5M18 14.5a6.5 6.5 0 0 1 3.5 5.5"/>',
    "canteen": '<path d="M3 12h18a9 9 0 0 1-18 0zM7 21h10M9 8c-1-2 1-2 0-4M14 8c-1-2 1-2 0-4"/>',
    "savings": '<path d="M4 20h16M5 9l5 4 4-3 6 5M16 15h4v-4"/>',
    "cold": '<path d="M12 2v20M3.5 7l17 10M20.5 7l-17 10M9.5 3.5 12 6l2.5-2.5M9.5 20.5 12 18l2.5 2.5"/>',
    "target": '<circle cx="12" cy="12" r="9"/><circle cx="12" cy="12" r="4.5"/><path d="M12 12h.01"/>',
    "good": '<circle cx="12" cy="12" r="9"/><path d="m8 12 3 3 5-6"/>',
    "watch": '<path d="M12 3.5 2.5 20h19z"/><path d="M12 10v4.5M12 17.5v.01"/>',
    "bad": '<path d="M8 3h8l5 5v8l-5 5H8l-5-5V8z"/><path d="M12 7.5v5.5M12 16.5v.01"/>',
    "unknown": '<circle cx="12" cy="12" r="9" stroke-dasharray="3 3"/><path d="M8 12h8"/>',
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 7.5v.01"/>',
    "back": '<path d="M14 6l-6 6 6 6"/>',
    "next": '<path d="m10 6 6 6-6 6"/>',
    "light": '<circle cx="12" cy="12" r="4"/><path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M5 19l1.5-1.5M17.5 6.5 19 5"/>',
    "dark": '<path d="M20 14.5A8.5 8.5 0 1 1 9.5 4 7 7 0 0 0 20 14.5z"/>',
    "auto": '<circle cx="12" cy="12" r="9"/><path d="M12 3v18M12 7h6M12 11h8M12 15h7.5M12 19h4"/>',
    "sites": '<path d="M3 21h18M5 21V8l7-4 7 4v13M9 21v-5h6v5M9 11h.01M15 11h.01"/>',
    "leave": '<path d="M10 4H5v16h5M14 8l4 4-4 4M18 12H9"/>',
    "shelved": '<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>',
}


def icon(name: str) -> ui.html:
    """The icon of that name, as tall as the text it stands in."""
    svg = f'<svg viewBox="0 0 24 24">{_PATHS[name]}</svg>'
    return ui.html(svg, sanitize=False, tag="span").classes("icon").props('aria-hidden="true"')
