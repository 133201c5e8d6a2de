"""The review of a day: the books of a site's registers laid out for validation (analytics.books.vee)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.books import rules, vee
from analytics.books.consumption import consumption
from analytics.books.register import INTERVAL
from analytics.books.vee import DayOf, Flag
from analytics.calendar import Calendar
from analytics.typical import WEEKS, alike, midnight
from devices import kinds
from schema.batch import Batch
from schema.coefficient import Coefficient
from store.registry.places import Device
from store.series.port import SeriesStore


def review(
    store: SeriesStore,
    known: Sequence[Device],
    day: date,
    calendar: Calendar,
    published: Iterable[Coefficient] = (),
    ahead: Mapping[str, float] | None = None,
) -> list[Flag]:
    """What is wrong with a local day of the registers these devices book; `ahead` are seconds of their clocks."""
    booked = {
        device.series(kind.consumption): device
        for device in known
        if (kind := kinds().get(device.kind)) and kind.consumption
    }
    start, end = midnight(day, calendar.zone), midnight(day + timedelta(days=1), calendar.zone)
    times = np.arange(start, end, INTERVAL)
    rows = store.read([key.intervals() for key in booked], start, end)
    keys = list(booked)
    past = consumption(store, keys, midnight(day - timedelta(weeks=WEEKS), calendar.zone), start, "day", calendar.zone)
    dates = [calendar.local(int(time)).date() for time in past.start]
    same = set(alike(dates, calendar.day_type, day, day))
    like = np.array([each in same for each in dates], np.bool_) & (past.covered >= 1.0)
    days = []
    for code, key in enumerate(keys):
        device, point = booked[key], kinds()[key.kind].point(key.point)
        usual = past.value[like & (past.code == code)]
        days.append(_laid_out(device, key.point, point.unit if point else "", rows, code, times, usual, ahead or {}))
    return vee.check(days, vee.thresholds(day, published))


def _laid_out(
    device: Device,
    point: str,
    unit: str,
    rows: Batch,
    code: int,
    times: NDArray[np.int64],
    usual: NDArray[np.float64],
    ahead: Mapping[str, float],
) -> DayOf:
    own = rows.take(rows.code == code)
    place = np.searchsorted(times, own.time)
    value, mark = np.full(len(times), np.nan), np.zeros(len(times), np.uint8)
    value[place], mark[place] = own.value, own.quality
    return DayOf(
        device.series(point),
        unit,
        value,
        rules.quality_of(mark),
        rules.rule_of(mark),
        usual,
        device.parent,
        ahead.get(device.id, 0.0),
    )
