"""Power: the sum of the main electricity meters now, and today's load curve beside a typical one."""

import numpy as np

from analytics.books.ledger import INTERVAL
from analytics.live.board import CurvePoint, PowerNow, PowerToday
from analytics.live.scene import OFFLINE, Scene
from analytics.typical import DAY_TYPES, Load, Profile
from devices import kinds
from schema.instant import HOUR


def power_now(scene: Scene) -> PowerNow:
    """The fresh main meters added up; a stale one is missing, not zero."""
    fresh, missing, total = [], [], 0.0
    for device in scene.mains("electricity"):
        newest = scene.last.get(device.series(kinds()[device.kind].demand or ""))
        if newest is None or scene.age(newest[0], device) > OFFLINE:
            missing.append(device.id)
        else:
            fresh.append(device.id)
            total += newest[1]
    return PowerNow(
        kw=total if fresh else None,
        fresh=len(fresh),
        expected=len(fresh) + len(missing),
        devices=fresh,
        missing=missing,
    )


def power_today(scene: Scene, load: Load, profile: Profile) -> PowerToday:
    """Mean power of quarter hours: only those that have ended and every meter that speaks knows in full."""
    mains = {device.id for device in scene.mains("electricity")}
    whole = load.of_devices(mains).whole() * (HOUR / INTERVAL)
    grid, kind = load.grid, scene.calendar.day_type(scene.today)
    known = ~np.isnan(whole)
    recent = np.flatnonzero(profile.taught.any(axis=0)).tolist()
    alike = [day for day in recent if profile.types[day] == kind and known[grid.day == day].any()]
    learnt = known & np.isin(grid.day, alike)
    today = np.flatnonzero(grid.day == grid.dates.index(scene.today))
    typical = []
    for column in today.tolist() if alike else ():
        values = whole[learnt & (grid.slot == grid.slot[column])]
        typical.append(
            CurvePoint(scene.iso(int(grid.start[column])), float(np.median(values)) if len(values) else None)
        )
    return PowerToday(
        today=[
            CurvePoint(scene.iso(int(grid.start[column])), float(whole[column]) if known[column] else None)
            for column in today.tolist()
            if grid.start[column] + INTERVAL <= scene.now
        ],
        typical=typical,
        day_type=DAY_TYPES[kind],
        days=[grid.dates[day].isoformat() for day in alike],
    )
