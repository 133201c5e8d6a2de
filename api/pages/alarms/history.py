"""What happened to an alarm, the newest first."""

import re

from api.pages.alarms import text_alarms
from api.pages.elements.element import box, say
from api.pages.elements.number import moment
from api.pages.frame.visit import Visit
from store.registry.alarms import AlarmStep

_OTHER = re.compile(r"#(\d{1,18})")
_JUDGED = {"true": text_alarms.REAL_ALARM, "false": text_alarms.FALSE_ALARM} | {
    code: said for code, said in text_alarms.CAUSES.items() if code
}
_SET = re.compile(r"(tolerance|on_delay)=(\S+)")


def draw_history(visit: Visit, steps: list[AlarmStep]) -> None:
    """Every step: what, by whom, and what was said."""
    say("h2", visit.say(text_alarms.HISTORY), "panel-title")
    with box("ol", "history"):
        for step in reversed(steps):
            with box("li"):
                signal = text_alarms.SIGNALS.get(step.signal)
                say(
                    "span",
                    f"{visit.say(signal) if signal else step.signal} · {step.who or visit.say(text_alarms.PLATFORM)}",
                )
                other = _OTHER.fullmatch(step.comment)
                if other:
                    with box("p"):
                        say(
                            "a",
                            visit.say(text_alarms.ALARM_NUMBER, number=other[1]),
                            "more",
                            href=f"/alarms/{other[1]}",
                        )
                elif step.comment:
                    say("p", f"“{_judged(visit, step.comment) if step.signal == 'judge' else step.comment}”")
                say("small", moment(step.time, visit.zone))


def _judged(visit: Visit, comment: str) -> str:
    """A verdict and cause in words, what a person added as it is, and what was set because of it."""
    words = comment.split(" ")
    known = 2 if len(words) > 1 and words[1] in _JUDGED else 1
    said = [visit.say(_JUDGED[word]) if word in _JUDGED else word for word in words[:known]]
    for word in words[known:]:
        setting = _SET.fullmatch(word)
        said.append(visit.say(text_alarms.SET_BY_VERDICT[setting[1]], value=setting[2]) if setting else word)
    return " ".join(said)
