"""The evidence of an alarm: readings around it against the band that was expected."""

from api.context import Context
from api.moments import Span
from api.pages import curve, text
from api.pages.element import box, say
from api.pages.figure_card import unit
from api.pages.number import figure, moment
from api.pages.visit import Visit
from api.routes.series import Samples, sample
from schema.instant import DAY, HOUR, to_datetime
from schema.series import SeriesKey
from store.registry.alarms import Alarm

MOST_POINTS = 400
MINUTE_SECONDS = 60.0
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
    if alarm.high > alarm.low:
        size = len(found.time)
        series = [*curve.band(visit.say(text.EXPECTED_BAND), [alarm.low] * size, [alarm.high] * size, "accent"), load]
    words = visit.say(
        text.EVIDENCE_TEXT,
        observed=figure(alarm.observed),
        expected=figure(alarm.expected),
        low=figure(alarm.low),
        high=figure(alarm.high),
        unit=shown,
    )
    options = curve.axes(labels, shown, zero=False)
    curve.chart({**options, "series": series}, words, "300px")
    with box("dl", "figures"):
        for title, value in (
            (text.OBSERVED, figure(alarm.observed)),
            (text.EXPECTED, figure(alarm.expected)),
            (text.EXPECTED_BAND, f"{figure(alarm.low)} – {figure(alarm.high)}"),
        ):
            with box("div"):
                say("dt", visit.say(title))
                say("dd", f"{value} {shown}")
    span = visit.say(text.EVIDENCE_SPAN, begin=moment(alarm.begin, visit.zone), end=moment(alarm.end, visit.zone))
    say("p", span, "hint")
