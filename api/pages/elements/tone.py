"""Status as words, an icon and a tone: never by colour alone."""

from typing import NamedTuple

from nicegui.element import Element

from api.pages import text
from api.pages.books import text_books
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.frame.visit import Visit
from schema.text import Text
from store.registry.alarms import Alarm


class Tone(NamedTuple):
    """How a status looks: its CSS class (good, watch, bad, quiet), its icon, its word."""

    css: str
    sign: str
    words: Text


TARGET = {
    "on_track": Tone("good", "good", text.ON_TRACK),
    "at_risk": Tone("watch", "watch", text.AT_RISK),
    "exceeded": Tone("bad", "bad", text.EXCEEDED),
    "unknown": Tone("quiet", "unknown", text.UNKNOWN),
}
PRIORITY = {
    "high": Tone("bad", "bad", text.PRIORITY_HIGH),
    "medium": Tone("watch", "watch", text.PRIORITY_MEDIUM),
    "low": Tone("quiet", "info", text.PRIORITY_LOW),
}
HEALTH = {
    "online": Tone("good", "good", text.ONLINE),
    "troubled": Tone("watch", "watch", text.TROUBLED),
    "late": Tone("watch", "watch", text.LATE),
    "offline": Tone("bad", "bad", text.OFFLINE),
    "never": Tone("quiet", "unknown", text.NEVER_SEEN),
    "replayed": Tone("quiet", "shelved", text.REPLAYED),
}
COLD = {
    "ok": Tone("good", "good", text.COLD_OK),
    "too_warm": Tone("bad", "bad", text.COLD_WARM),
    "too_cold": Tone("watch", "watch", text.COLD_COLD),
    "silent": Tone("quiet", "unknown", text.COLD_SILENT),
}
QUALITY = {
    "measured": Tone("good", "good", text_books.MEASURED),
    "partial": Tone("watch", "unknown", text_books.PARTIAL),
    "estimated": Tone("watch", "info", text_books.ESTIMATED),
    "edited": Tone("quiet", "info", text_books.EDITED),
}


def chip(visit: Visit, tone: Tone) -> Element:
    """The status as a small label."""
    with box("span", f"chip {tone.css}") as element:
        icon(tone.sign)
        say("span", visit.say(tone.words))
    return element


PHASE = {
    "unacknowledged": text.STATE_UNACKNOWLEDGED,
    "acknowledged": text.STATE_ACKNOWLEDGED,
    "returned": text.STATE_RETURNED,
    "closed": text.STATE_CLOSED,
    "shelved": text.STATE_SHELVED,
    "suppressed": text.STATE_SUPPRESSED,
    "out_of_service": text.STATE_REMOVED,
}


def phase(alarm: Alarm, now: int) -> Text:
    """The state of an alarm in a word: why nobody is told of it, else its phase."""
    if alarm.phase != "closed":
        for quiet, name in (
            (alarm.removed, "out_of_service"),
            (alarm.suppressed, "suppressed"),
            (alarm.shelved(now), "shelved"),
        ):
            if quiet:
                return PHASE[name]
    return PHASE[alarm.phase]
