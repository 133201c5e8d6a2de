"""The evidence of an alarm: readings around it against the band that was expected."""

import math
from collections.abc import Sequence

from api.context import Context
from api.moments import Span
from api.pages import curve, text
from api.pages.element import box, say
from api.pages.figure_card import unit
from api.pages.number import figure, moment
from api.pages.visit import Visit
from api.routes.series import Samples, sample
from devices import kinds
from schema.instant import DAY, HOUR, to_datetime
from schema.series import INTERVAL_SUFFIX, SeriesKey
from store.registry.alarms import Alarm

MOST_POINTS = 400
MINUTE_SECONDS = 60.0
ROOM = 0.4
"""What the axis goes beyond observed value and band at most, as a share of what they span."""
Evidence = Samples


def evidence(context: Context, alarm: Alarm) -> Evidence | None:
    """The readings from a day before to some hours after, None without any; blocks on the store."""
    key = SeriesKey(alarm.site, alarm.building, alarm.kind, alarm.device, alarm.point)
    within = Span(alarm.begin - DAY, alarm.end + 6 * HOUR)
    found = sample(context.store, key, within, None, MOST_POINTS, MINUTE_SECONDS)
    return found if found.time else None


def draw_evidence(visit: Visit, alarm: Alarm, found: Evidence) -> None:
    """The chart and its figures."""
    shown = unit(alarm.unit)
    labels = [to_datetime(time).astimezone(visit.zone).strftime("%m-%d %H:%M") for time in found.time]
    begin = next((label for label, time in zip(labels, found.time, strict=True) if time >= alarm.begin), labels[-1])
    end = next((label for label, time in zip(labels, found.time, strict=True) if time >= alarm.end), labels[-1])
    name = visit.say(text.OBSERVED)
    load = curve.line(name, found.mean, "bad", z=3)
    load["markArea"] = {
        "silent": True,
        "itemStyle": {":color": curve.css("bad"), "opacity": 0.08},
        "data": [[{"xAxis": begin}, {"xAxis": end}]],
    }
    series = [load]
    if alarm.high > alarm.low and math.isfinite(alarm.high) and math.isfinite(alarm.low):
        size = len(found.time)
        series = [*curve.band(visit.say(text.EXPECTED_BAND), [alarm.low] * size, [alarm.high] * size, "accent"), load]
    words = visit.say(
        text.EVIDENCE_TEXT,
        observed=figure(alarm.observed),
        expected=figure(alarm.expected),
        band=_band(visit, alarm),
        unit=shown,
    )
    options = curve.axes(labels, shown, zero=False)
    options["yAxis"] |= (edges := _range(alarm, found.mean))
    if edges:
        options["yAxis"]["axisLabel"] |= {"showMinLabel": not edges["min"], "showMaxLabel": False}
    curve.chart({**options, "series": series}, words, "300px")
    with box("dl", "figures"):
        for title, value in (
            (text.OBSERVED, figure(alarm.observed)),
            (text.EXPECTED, figure(alarm.expected)),
            (text.EXPECTED_BAND, _band(visit, alarm)),
        ):
            with box("div"):
                say("dt", visit.say(title))
                say("dd", f"{value} {shown}")
    span = visit.say(text.EVIDENCE_SPAN, begin=moment(alarm.begin, visit.zone), end=moment(alarm.end, visit.zone))
    say("p", span, "hint")
    _readings(visit, alarm)


def _range(alarm: Alarm, values: Sequence[float | None]) -> dict[str, float]:
    """An axis on which band and observed value are both to be seen, though peaks elsewhere may leave the frame."""
    edges = [edge for edge in (alarm.observed, alarm.expected, alarm.low, alarm.high) if math.isfinite(edge)]
    known = [value for value in values if value is not None]
    low, high = min(edges), max(edges)
    if not known or high <= low:
        return {}
    room = ROOM * (high - low)
    bottom, top = max(min(*known, low), low - room), min(max(*known, high), high + room)
    return {} if top <= bottom else {"min": bottom, "max": top}


def _readings(visit: Visit, alarm: Alarm) -> None:
    """The series behind it, where there are others than its own."""
    series = [SeriesKey(alarm.site, *of) for *of, _begin, _end in (alarm.evidence or {}).get("readings", [])]
    if len(series) < 2:
        return
    say("h3", visit.say(text.READINGS_OF), "sub-title")
    with box("ul", "chips"):
        for key in dict.fromkeys(series):
            kind = kinds().get(key.kind.removesuffix(INTERVAL_SUFFIX))
            point = kind.point(key.point) if kind else None
            words = visit.say(point.title) if point else key.point
            with box("li"):
                say("a", f"{key.device} · {words}", "chip", href=f"/devices/{key.site}/{key.device}")


def _band(visit: Visit, alarm: Alarm) -> str:
    """The expected band; one of its edges may be open."""
    if not math.isfinite(alarm.low):
        return visit.say(text.AT_MOST, high=figure(alarm.high))
    if not math.isfinite(alarm.high):
        return visit.say(text.AT_LEAST, low=figure(alarm.low))
    return f"{figure(alarm.low)} – {figure(alarm.high)}"
