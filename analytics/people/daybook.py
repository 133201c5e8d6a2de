"""The daybook: a day's gate and canteen events out of the registry, as heads and meals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

import msgspec
import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics.books.ledger import GAP
from analytics.calendar import Calendar
from analytics.live.board import Canteen
from analytics.people import canteen as kitchen
from analytics.people import occupancy
from analytics.people.canteen import Cabinet
from analytics.people.occupancy import Heads
from analytics.typical import WEEKS, midnight
from schema.event import Meal, Pass, PlateWaste
from schema.instant import DAY, SECOND
from schema.series import SeriesKey
from schema.text import Text
from store.registry.events import EventRow
from store.registry.goals import cold_limits
from store.registry.places import Device
from store.series.port import SeriesStore

CLASS_DAYS = 7
"""A cabinet without stated limits is classed by its mean temperature over these days."""

E = TypeVar("E", Pass, Meal, PlateWaste)


@dataclass(frozen=True, slots=True)
class Daybook:
    """Passes since the nightly reset, today's meals and plates as (device, event), and lunches by earlier day."""

    passes: list[tuple[str, Pass]]
    meals: list[tuple[str, Meal]]
    plates: list[tuple[str, PlateWaste]]
    lunches: dict[date, int]
    limits: dict[str, kitchen.Limit]


def read(session: Session, site: str, calendar: Calendar, now: int) -> Daybook:
    """What the registry holds of the day at `now`."""
    reset = occupancy.reset_before(now, calendar.zone)
    today = calendar.local(now).date()
    start = midnight(today, calendar.zone)
    limits = {
        device: kitchen.Limit("frozen" if row.low is None else "chilled", row.low, row.high)
        for device, row in cold_limits(session, site).items()
    }
    return Daybook(
        passes=_events(session, site, Pass, reset, now),
        meals=_events(session, site, Meal, start, now),
        plates=_events(session, site, PlateWaste, start, now),
        lunches=_lunches(session, site, calendar, today),
        limits=limits,
    )


def heads(store: SeriesStore, known: Sequence[Device], day: Daybook, calendar: Calendar, now: int) -> Heads:
    """The head count: a gate counts by its events, or by its registers where it sent none."""
    since = occupancy.reset_before(now, calendar.zone)
    by_events = {device for device, _ in day.passes}
    silent = [device for device in known if device.kind == "gate" and device.id not in by_events]
    keys = [device.series(point) for device in silent for point in ("entries", "exits")]
    registers = store.read(keys, since - GAP, now + 1)
    crossings = occupancy.from_events(day.passes) + occupancy.from_counters(registers, since)
    told = registers.code[(registers.time >= since) & (registers.time <= now)]
    spoke = {registers.keys[code].device for code in np.unique(told).tolist()}
    return occupancy.count(crossings, now, calendar.zone, sorted(by_events), sorted(spoke))


def canteen(
    store: SeriesStore,
    known: Sequence[Device],
    last: Mapping[SeriesKey, tuple[int, float]],
    day: Daybook,
    calendar: Calendar,
    now: int,
) -> Canteen:
    """The canteen today, tomorrow's lunches, and the cold chain."""
    windows = kitchen.services(day.meals, day.plates)
    weighed = [one for one in windows if one.waste_g is not None and one.clean_share is not None]
    plates = sum(one.plates for one in weighed)
    expected = kitchen.expected_lunches(day.lunches, calendar.day_type, calendar.local(now).date())
    return Canteen(
        windows=windows,
        meals=sum(one.meals for one in windows),
        waste_g=sum((one.waste_g or 0.0) * one.plates for one in weighed) / plates if plates else None,
        clean_share=sum((one.clean_share or 0.0) * one.plates for one in weighed) / plates if plates else None,
        lunches_tomorrow=expected.lunches,
        tomorrow=expected.why,
        cabinets=_cabinets(
            store, [device for device in known if device.kind == "cold_chain"], last, day, calendar, now
        ),
    )


def _cabinets(
    store: SeriesStore,
    cabinets: list[Device],
    last: Mapping[SeriesKey, tuple[int, float]],
    day: Daybook,
    calendar: Calendar,
    now: int,
) -> list[Cabinet]:
    unstated = [device.series("temperature") for device in cabinets if device.id not in day.limits]
    usual = _means(store, unstated, now) if unstated else {}
    answer = []
    for device in cabinets:
        key = device.series("temperature")
        limit = day.limits.get(device.id) or kitchen.limit_of(usual.get(key))
        time, value = last.get(key, (None, None))
        age = now - time if time is not None else 0
        answer.append(
            Cabinet(
                device=device.id,
                title=Text(device.title_zh, device.title_en),
                storage=limit.storage,
                temperature=value,
                low=limit.low,
                high=limit.high,
                time=None if time is None else calendar.local(time).isoformat(),
                state=kitchen.state(value, age, round(device.interval * SECOND), limit),
            )
        )
    return answer


def _means(store: SeriesStore, keys: Sequence[SeriesKey], now: int) -> dict[SeriesKey, float]:
    days = store.aggregate(keys, now - CLASS_DAYS * DAY, now + 1, DAY)
    return {key: float(days.mean[days.code == code].mean()) for code, key in enumerate(days.keys) if code in days.code}


def _events(session: Session, site: str, kind: type[E], start: int, now: int) -> list[tuple[str, E]]:
    rows = session.execute(
        select(EventRow.device, EventRow.body).where(
            EventRow.site == site,
            EventRow.type == kind.__struct_config__.tag,
            EventRow.time >= start,
            EventRow.time <= now,
        )
    )
    decoder = msgspec.json.Decoder(kind)
    return [(device, decoder.decode(body)) for device, body in rows]


def _lunches(session: Session, site: str, calendar: Calendar, today: date) -> dict[date, int]:
    """Lunches by local day of the last 4 weeks before today."""
    start, end = midnight(today - timedelta(weeks=WEEKS), calendar.zone), midnight(today, calendar.zone)
    # Counted in days of 24 h: a clock change moves midnight by an hour, and nobody has lunch at midnight.
    whole = (EventRow.time - start) // DAY
    rows = session.execute(
        select(whole, func.count())
        .where(EventRow.site == site, EventRow.type == "meal", EventRow.time >= start, EventRow.time < end)
        .where(EventRow.body.contains('"window":"lunch"'))
        .group_by(whole)
    )
    return {today - timedelta(weeks=WEEKS) + timedelta(days=int(after)): count for after, count in rows}
