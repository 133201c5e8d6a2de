"""Form fields: a label, what is typed or chosen, and who hears of it."""

from collections.abc import Callable, Mapping

from nicegui.element import Element

from api.pages.elements.element import box, say

Take = Callable[[str], object]


def entry(label: str, value: str, take: Take, *, kind: str = "text", **attributes: str) -> Element:
    """A field to type in; `take` gets every new value."""
    with box("label", "field"):
        say("span", label)
        element = filled(kind, "", value, **attributes)
    element.on("input", lambda e: take(str(e.args)), js_handler="e => emit(e.target.value)")
    return element


def filled(kind: str, name: str, value: str, **attributes: str) -> Element:
    """A bare field that begins with a value; without a name it is of no form."""
    element = box("input", type=kind, **({"name": name} if name else {}), **attributes)
    # As its `value` it would be put back over what was typed whenever the page changes elsewhere.
    element.props["defaultValue"] = value
    return element


def choice(label: str, options: Mapping[str, str], value: str, take: Take, **attributes: str) -> Element:
    """One of several; `take` gets the one chosen."""
    with box("label", "field"):
        say("span", label)
        with box("select", **attributes) as element:
            for name, words in options.items():
                say("option", words, value=name, **({"selected": "selected"} if name == value else {}))
    element.on("change", lambda e: take(str(e.args)), js_handler="e => emit(e.target.value)")
    return element
