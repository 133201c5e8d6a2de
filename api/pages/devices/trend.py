"""The history of a point as a chart, with the same in words."""

from api.context import Context
from api.moments import Span
from api.pages import text
from api.pages.devices import text_devices
from api.pages.elements import curve
from api.pages.elements.element import say
from api.pages.elements.gaps import with_gaps
from api.pages.elements.number import figure, moment
from api.pages.elements.unit import unit
from api.pages.frame.visit import Visit
from api.routes.series import Samples, sample
from devices import kinds
from devices.kind import Point
from schema.instant import DAY, to_datetime
from store.registry.places import Device

MOST_POINTS = 480
_LENGTHS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
_COLOURS = {"electricity": "electricity", "water": "water", "gas": "gas", "heat": "heat"}


def colour(device: Device) -> str:
    """The colour of what a device measures."""
    kind = kinds().get(device.kind)
    return _COLOURS.get(kind.carrier or "", "accent") if kind else "accent"


def trend(context: Context, device: Device, point: Point, length: str, newest: int) -> Samples:
    """The readings of a point up to its newest; blocks on the store."""
    start = newest + 1 - _LENGTHS[length] if length in _LENGTHS else 0
    key = device.series(point.name)
    if length not in _LENGTHS:
        years = context.store.aggregate([key], 0, newest + 1, 30 * DAY)
        start = int(years.time[0]) if len(years.time) else newest
    return sample(context.store, key, Span(start, newest + 1), None, MOST_POINTS, device.interval)


def draw_trend(visit: Visit, device: Device, point: Point, found: Samples) -> None:
    """A line, inside the band of lowest to highest where readings were put together."""
    if not found.time:
        say("p", visit.say(text.NO_READINGS), "nothing")
        return
    times, mean, low, high = with_gaps(found, device.interval)
    shown = unit(point.unit)
    labels = [to_datetime(time).astimezone(visit.zone).strftime("%m-%d %H:%M") for time in times]
    words = visit.say(
        text_devices.SERIES_TEXT,
        from_=moment(found.time[0], visit.zone),
        to=moment(found.time[-1], visit.zone),
        low=figure(min(found.low)),
        mean=figure(sum(found.mean) / len(found.mean)),
        high=figure(max(found.high)),
        unit=shown,
    )
    options = curve.axes(labels, shown, zero=False)
    band = curve.band(visit.say(text_devices.RANGE_BAND), low, high, colour(device)) if found.every else []
    drawn = [*band, curve.line(visit.say(point.title), mean, colour(device))]
    curve.chart({**options, "series": drawn}, f"{visit.say(point.title)}: {words}", "300px")
    say("p", words, "hint")
