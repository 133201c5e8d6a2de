"""Device health: how many report, and which do not."""

from analytics.live.board import Devices
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import figure, when
from api.pages.frame.visit import Visit
from api.pages.live import text_live

SHOWN = 5


def draw(visit: Visit, devices: Devices, today: str) -> None:
    """The counts as one divided bar, and the unhealthy ones by name; `today` is the local date."""
    with box("div", "panel-head"):
        with box("h2", "panel-title"):
            icon("devices")
            say("span", visit.say(text_live.DEVICE_HEALTH))
        say("a", visit.say(text_live.ALL_DEVICES), "more", href=visit.link("/devices"))
    counts = [("online", devices.online), ("late", devices.late), ("offline", devices.offline)]
    if devices.troubled:
        counts.insert(1, ("troubled", devices.troubled))
    with box("div", "shares", aria_hidden="true"):
        for state, count in counts:
            if count:
                box("span", tone.HEALTH[state].css).style(f"flex-grow:{count}")
    with box("dl", "figures"):
        for state, count in counts:
            with box("div", tone.HEALTH[state].css if count else "quiet"):
                say("dt", visit.say(tone.HEALTH[state].words))
                say("dd", figure(count))
    if not devices.unhealthy:
        say("p", visit.say(text_live.ALL_HEALTHY), "hint")
    with box("ul", "lines"):
        for device in devices.unhealthy[:SHOWN]:
            with box("li"):
                tone.chip(visit, tone.HEALTH[device.state])
                site = visit.site.id if visit.site else ""
                say("a", visit.say(device.title), "name", href=f"/devices/{site}/{device.id}")
                last = (
                    visit.say(text_live.LAST_READING, when=when(device.last, today))
                    if device.last
                    else visit.say(text_live.NEVER)
                )
                say("span", visit.say(device.trouble) if device.trouble else last, "aside")
    if len(devices.unhealthy) > SHOWN:
        say("p", visit.say(text_live.MORE_DEVICES, count=len(devices.unhealthy) - SHOWN), "hint")
