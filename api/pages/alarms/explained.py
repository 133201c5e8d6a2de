"""The alarms that another one explains: nobody is called for them apart from it."""

from api.pages.alarms import text_alarms
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.number import moment
from api.pages.frame.visit import Visit
from store.registry.alarms import Alarm


def draw_explained(visit: Visit, rows: list[Alarm]) -> None:
    """Each with its state; nothing where it explains none."""
    if not rows:
        return
    say("h2", visit.say(text_alarms.EXPLAINS), "panel-title")
    say("p", visit.say(text_alarms.EXPLAINS_HINT), "hint")
    with box("ul", "history"):
        for alarm in rows:
            with box("li"):
                say("a", visit.say(alarm.title), "name", href=f"/alarms/{alarm.id}")
                phase = visit.say(tone.phase(alarm, visit.context.clock()))
                began = visit.say(text_alarms.SINCE_WHEN, when=moment(alarm.begin, visit.zone))
                say("small", f"{phase} · {began}")
