"""Why there is an alarm: the sentence, the likely cause, what an hour of it costs, and what to do."""

from analytics.detect.explain import CAUSES
from api.pages import text
from api.pages.alarms import text_alarms
from api.pages.elements.element import box, say
from api.pages.elements.number import figure, percent
from api.pages.frame.visit import Visit
from schema.text import Text
from store.registry.alarms import Alarm

_CLASSES: dict[str, Text] = {str(name): words for name, words in CAUSES.items() if name != "unknown"}


def draw_reason(visit: Visit, alarm: Alarm) -> None:
    """The panel of reasons."""
    say("h2", visit.say(text_alarms.WHY), "panel-title")
    say("p", visit.say(alarm.reason), "reason")
    if visit.say(alarm.action):
        say("h3", visit.say(text.WHAT_TO_DO), "sub-title")
        say("p", visit.say(alarm.action))
    _cost(visit, alarm)
    with box("dl", "figures"):
        if alarm.cause_class in _CLASSES:
            _figure(visit, text_alarms.CAUSE_LIKELY, _capital(visit.say(_CLASSES[alarm.cause_class])))
        if alarm.cause:
            _figure(
                visit,
                text_alarms.CAUSE_FOUND,
                visit.say(text_alarms.CAUSES.get(alarm.cause, Text(alarm.cause, alarm.cause))),
            )
        _figure(visit, text_alarms.CONFIDENCE, percent(alarm.confidence))
        _link(visit, text.DEVICE, alarm.device, f"/devices/{alarm.site}/{alarm.device}")
        if alarm.root is not None:
            words = visit.say(text_alarms.ALARM_NUMBER, number=alarm.root)
            _link(visit, text_alarms.EXPLAINED_BY, words, f"/alarms/{alarm.root}")


def _cost(visit: Visit, alarm: Alarm) -> None:
    """What an hour takes beyond what was expected; what is not known is left out, never shown as nothing."""
    amounts = (
        (alarm.cost_kwh_per_hour or None, text_alarms.PER_HOUR_KWH),
        (alarm.cost_yuan_per_hour, text_alarms.PER_HOUR_YUAN),
        (alarm.cost_kgco2_per_hour, text_alarms.PER_HOUR_KGCO2),
    )
    known = [(value, unit) for value, unit in amounts if value is not None]
    if not known:
        return
    say("h3", visit.say(text_alarms.COST_PER_HOUR), "sub-title")
    with box("ul", "costs"):
        for value, unit in known:
            with box("li"):
                say("span", figure(value), "number")
                say("span", visit.say(unit), "unit")


def _figure(visit: Visit, title: Text, value: str) -> None:
    with box("div"):
        say("dt", visit.say(title))
        say("dd", value)


def _link(visit: Visit, title: Text, words: str, href: str) -> None:
    with box("div"):
        say("dt", visit.say(title))
        with box("dd"):
            say("a", words, "more", href=href)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
