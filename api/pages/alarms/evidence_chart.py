"""The chart of an alarm's evidence: readings, the expected band, and when the finding began and ended."""

import math
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from api.pages.alarms import text_alarms
from api.pages.elements import curve
from api.pages.elements.element import box, say
from api.pages.elements.gaps import with_gaps
from api.pages.elements.number import figure, short
from api.pages.elements.unit import unit
from api.pages.frame.visit import Visit
from api.routes.series import Samples
from schema.instant import HOUR, MINUTE
from schema.series import INTERVAL_SUFFIX
from store.registry.alarms import Alarm

# What is booked in intervals is shown as the rate it stands for, as in the alarm's own sentence.
_RATES = {"kWh": "kW", "m3": "m3/h"}
_PER_HOUR = HOUR / (15 * MINUTE)
_OF_STEPS = ("noise", "silent")
"""Rules whose figures are of what lies between readings: how far they are apart, or how long."""
ROOM = 0.4
"""What the close frame goes beyond observed value and band, as a share of what they span."""
THIN = 1 / 3
"""A span of observed value and band below this share of all readings is worth a closer look."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An alarm's figures in the unit that is shown; edges of the band may be infinite.

    `of_readings` says that they are values as the readings are, so that they can be drawn among them.
    """

    unit: str
    scale: float
    observed: float
    expected: float
    low: float
    high: float
    begin: int
    end: int
    over: bool
    of_readings: bool


def shown_as(alarm: Alarm) -> Shown:
    """Consumption of intervals as power or flow, all else as it is."""
    rate = _RATES.get(alarm.unit) if alarm.kind.endswith(INTERVAL_SUFFIX) else None
    scale = _PER_HOUR if rate else 1.0
    return Shown(
        unit=unit(rate or alarm.unit),
        scale=scale,
        observed=alarm.observed * scale,
        expected=alarm.expected * scale,
        low=alarm.low * scale,
        high=alarm.high * scale,
        begin=alarm.begin,
        end=alarm.end,
        over=alarm.phase in ("returned", "closed"),
        of_readings=alarm.rule not in _OF_STEPS,
    )


def scaled(found: Samples, scale: float) -> Samples:
    """Readings in the unit that is shown."""
    mean, low, high = ([value * scale for value in column] for column in (found.mean, found.low, found.high))
    return replace(found, mean=mean, low=low, high=high)


def close_frame(shown: Shown, found: Samples) -> tuple[float, float] | None:
    """The range around band and observed value; None where all readings show them well enough."""
    if not shown.of_readings:
        return None
    edges = [edge for edge in (shown.observed, shown.expected, shown.low, shown.high) if math.isfinite(edge)]
    low, high = min(edges), max(edges)
    bottom, top = min(*found.low, low), max(*found.high, high)
    if high <= low or high - low >= THIN * (top - bottom):
        return None
    room = ROOM * (high - low)
    return max(bottom, low - room), min(top, high + room)


def draw_chart(visit: Visit, shown: Shown, axis: str, found: Samples, frame: tuple[float, float] | None) -> None:
    """The chart with its legend, in the unit `axis`; all readings are in the frame unless one is given."""
    zone = visit.zone
    rows = with_gaps(found, 0)
    place = [curve.local_ms(time, zone) for time in rows.time]
    with box("p", "legend"):
        say("span", visit.say(text_alarms.READINGS), "key observed")
        if found.every:
            say("span", visit.say(text_alarms.EXTREMES), "key extremes")
        if _edges(shown):
            say("span", visit.say(text_alarms.EXPECTED_BAND), "key expected")
    series = _band(visit, shown, place[0], place[-1])
    if found.every:
        lowest, highest = list(zip(place, rows.low, strict=True)), list(zip(place, rows.high, strict=True))
        series += curve.band(visit.say(text_alarms.EXTREMES), lowest, highest, "bad")
    name = visit.say(text_alarms.OBSERVED)
    readings = list(zip(place, rows.mean, strict=True))
    series.append(curve.line(name, readings, "bad", z=3, **_span(visit, shown, zone, (place[0], place[-1]))))
    options = curve.timed(curve.axes([], axis, zero=False))
    options["grid"] |= {"top": 40, "right": 20}
    if frame is not None:
        options["yAxis"] |= {"min": frame[0], "max": frame[1]}
        options["yAxis"]["axisLabel"] |= {"showMinLabel": not frame[0], "showMaxLabel": False}
    words = visit.say(
        text_alarms.EVIDENCE_TEXT,
        observed=figure(shown.observed),
        expected=figure(shown.expected),
        band=band_of(visit, shown),
        unit=shown.unit,
        lowest=figure(min(found.low)),
        highest=figure(max(found.high)),
    )
    curve.chart({**options, "series": series}, words, "320px")
    if frame is not None:
        say("p", visit.say(text_alarms.OUTSIDE_FRAME), "hint")


def band_of(visit: Visit, shown: Shown) -> str:
    """The expected band in words; one of its edges may be open."""
    if not math.isfinite(shown.low):
        return visit.say(text_alarms.AT_MOST, high=figure(shown.high))
    if not math.isfinite(shown.high):
        return visit.say(text_alarms.AT_LEAST, low=figure(shown.low))
    return visit.say(text_alarms.BETWEEN, low=figure(shown.low), high=figure(shown.high))


def _edges(shown: Shown) -> list[float]:
    """The edges of the band that can be drawn."""
    return [edge for edge in (shown.low, shown.high) if math.isfinite(edge)] if shown.of_readings else []


def _band(visit: Visit, shown: Shown, first: int, last: int) -> list[curve.Options]:
    """The band with its edges: a thin one is still to be seen."""
    name = visit.say(text_alarms.EXPECTED_BAND)
    edges = _edges(shown)
    ends = [[(first, edge), (last, edge)] for edge in edges]
    bare = {"tooltip": {"show": False}, "silent": True}
    series = [curve.line(name, pair, "accent", **bare) for pair in ends]
    for edge in series:
        edge["lineStyle"] |= {"width": 1.2, "type": "dashed"}
    if len(ends) < 2:
        return series
    return [*curve.band(name, ends[0], ends[1], "accent"), *series]


def _span(visit: Visit, shown: Shown, zone: ZoneInfo, within: tuple[int, int]) -> dict[str, Any]:
    """From when until when the finding says so, as an area with both moments written."""
    closing = text_alarms.ENDED_AT if shown.over else text_alarms.STILL_AT
    moments = ((text_alarms.OPENED_AT, shown.begin, 6), (closing, shown.end, 22))
    lines = []
    for words, instant, above in moments:
        at = min(max(curve.local_ms(instant, zone), within[0]), within[1])
        left = at - within[0] < within[1] - at
        label = {
            "formatter": f"{visit.say(words)} {short(instant, zone)}",
            "position": "end",
            "distance": [0, above],
            "align": "left" if left else "right",
            "rotate": 0,
            "fontSize": 12,
            ":color": curve.css("ink-2"),
        }
        lines.append({"xAxis": at, "label": label})
    return {
        "markArea": {
            "silent": True,
            "itemStyle": {":color": curve.css("bad"), "opacity": 0.07},
            "data": [[{"xAxis": lines[0]["xAxis"]}, {"xAxis": lines[1]["xAxis"]}]],
        },
        "markLine": {
            "silent": True,
            "symbol": "none",
            "animation": False,
            "lineStyle": {":color": curve.css("ink-3"), "type": "solid", "width": 1},
            "data": lines,
        },
    }
