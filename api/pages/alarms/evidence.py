"""The evidence of an alarm: readings around it, what was expected, and from when until when."""

from typing import Literal

from analytics.alarms.roots import BALANCE
from api.context import Context
from api.moments import Span
from api.pages import text
from api.pages.alarms import text_alarms
from api.pages.alarms.evidence_chart import Shown, band_of, close_frame, draw_chart, scaled, shown_as
from api.pages.elements.element import box, say
from api.pages.elements.number import figure, moment
from api.pages.elements.pane import Pane
from api.pages.elements.segments import segments
from api.pages.elements.unit import unit
from api.pages.frame.visit import Visit
from api.routes.series import Samples, sample
from devices import kinds
from devices.kind import Point
from schema.instant import DAY, HOUR
from schema.series import INTERVAL_SUFFIX, SeriesKey
from schema.text import Text
from store.registry.alarms import Alarm

MOST_POINTS = 400
MINUTE_SECONDS = 60.0
Frame = Literal["all", "band"]
_FRAMES: dict[Frame, Text] = {"all": text_alarms.FRAME_ALL, "band": text_alarms.FRAME_BAND}


def evidence(context: Context, alarm: Alarm) -> Samples | None:
    """What the alarm judged, from a day before to some hours after; None without any; blocks on the store.

    That is the readings of its series; where a meter is held against its sub-meters, what is left of it without them.
    """
    key = SeriesKey(alarm.site, alarm.building, alarm.kind, alarm.device, alarm.point)
    within = Span(alarm.begin - DAY, alarm.end + 6 * HOUR)
    found = sample(context.store, key, within, None, MOST_POINTS, MINUTE_SECONDS)
    if alarm.rule == BALANCE:
        found = _rest(context, found, [other for other in _behind(alarm) if other != key], within)
    return found if found.time else None


def _rest(context: Context, found: Samples, below: list[SeriesKey], within: Span) -> Samples:
    """A meter less its sub-meters, where all of them have readings; what is generated below it counts against it."""
    left = dict(zip(found.time, found.mean, strict=True))
    for key in below:
        sign = -1.0 if key.kind.startswith("pv_") else 1.0
        other = sample(context.store, key, within, found.every, MOST_POINTS, MINUTE_SECONDS)
        use = dict(zip(other.time, other.mean, strict=True))
        left = {time: value - sign * use[time] for time, value in left.items() if time in use}
    rest = list(left.values())
    return Samples(found.every, list(left), rest, rest, rest, [1] * len(rest))


def draw_evidence(visit: Visit, alarm: Alarm, found: Samples | None) -> None:
    """The chart with its figures; a band that is thin beside the readings can be looked at closely."""
    shown = shown_as(alarm)
    with box("div", "panel-head"):
        say("h2", visit.say(text_alarms.EVIDENCE), "panel-title")
        tools = box("div")
    if found is None:
        say("p", visit.say(text.NO_READINGS), "nothing")
    else:
        readings = scaled(found, shown.scale)
        point = _point(alarm.kind, alarm.point)
        axis = shown.unit if shown.of_readings or point is None else unit(point.unit)
        close = close_frame(shown, readings)
        chart = Pane[Frame](
            box("div"), lambda frame: draw_chart(visit, shown, axis, readings, close if frame == "band" else None)
        )
        if close is not None:
            with tools:
                segments(visit, text_alarms.FRAME, _FRAMES, "all", chart.show)
        chart.show("all")
    _figures(visit, shown)
    _series(visit, alarm)


def _behind(alarm: Alarm) -> list[SeriesKey]:
    """The series that say so, each once."""
    rows = (alarm.evidence or {}).get("readings", [])
    return list(dict.fromkeys(SeriesKey(alarm.site, *of) for *of, _begin, _end in rows))


def _point(kind: str, name: str) -> Point | None:
    declared = kinds().get(kind.removesuffix(INTERVAL_SUFFIX))
    return declared.point(name) if declared else None


def _figures(visit: Visit, shown: Shown) -> None:
    with box("dl", "figures"):
        for title, value in (
            (text_alarms.OBSERVED, f"{figure(shown.observed)} {shown.unit}"),
            (text_alarms.EXPECTED, f"{figure(shown.expected)} {shown.unit}"),
            (text_alarms.EXPECTED_BAND, f"{band_of(visit, shown)} {shown.unit}"),
            (text_alarms.OPENED_AT, moment(shown.begin, visit.zone)),
            (text_alarms.ENDED_AT if shown.over else text_alarms.STILL_AT, moment(shown.end, visit.zone)),
        ):
            with box("div"):
                say("dt", visit.say(title))
                say("dd", value)


def _series(visit: Visit, alarm: Alarm) -> None:
    """The series behind it, where there are others than its own."""
    series = _behind(alarm)
    if len(series) < 2:
        return
    say("h3", visit.say(text_alarms.READINGS_OF), "sub-title")
    with box("ul", "chips"):
        for key in series:
            point = _point(key.kind, key.point)
            words = visit.say(point.title) if point else key.point
            with box("li"):
                say("a", f"{key.device} · {words}", "chip", href=f"/devices/{key.site}/{key.device}")
