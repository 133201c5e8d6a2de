"""The board: what the live page and the API show of a site at one instant, as analytics.live.overview fills it in."""

from decimal import Decimal
from typing import Literal

import msgspec

from analytics.people.canteen import Cabinet, Service
from analytics.people.occupancy import Heads
from schema.text import Text

# Every `time`, `since`, `start`, `end` below is ISO 8601 with the site's offset. None says "not known", never zero.
# `devices` beside a figure are the ids of the meters it was summed from: with the period they are its drill-down.


class SiteHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Which compound this is."""

    id: str
    title: Text
    timezone: str
    area_m2: float | None
    people: int | None


class PowerNow(msgspec.Struct, frozen=True, kw_only=True):
    """The sum of the main meters' fresh power; `kw` is None when none is fresh."""

    kw: float | None
    fresh: int
    expected: int
    devices: list[str]
    missing: list[str]


class TargetTrack(msgspec.Struct, frozen=True, kw_only=True):
    """A target against the books: used so far, allowed by now, its limit, and where the period will end."""

    id: int
    title: Text
    carrier: str
    basis: Literal["total", "area", "people"]
    unit: str
    start: str
    end: str
    used: float | None
    allowed_to_date: float | None
    limit: float
    forecast: float | None
    low: float | None
    high: float | None
    status: Literal["on_track", "at_risk", "exceeded", "unknown"]
    why: Text
    coverage: float
    estimated_share: float | None
    devices: list[str]
    missing: list[str]


class CarrierBooks(msgspec.Struct, frozen=True, kw_only=True):
    """One carrier's books: today and yesterday up to the same time of day, and the month; `coverage` is of the month.

    `kgce` and `kgco2` are the month's, None where the carrier has none (water) or no factor is known; `basis` says by
    which factors (口径).
    """

    carrier: str
    title: Text
    unit: str
    today: float | None
    yesterday: float | None
    month: float | None
    kgce: float | None
    kgco2: float | None
    basis: Text | None
    estimated_share: float | None
    coverage: float
    devices: list[str]
    target: TargetTrack | None


class CurvePoint(msgspec.Struct, frozen=True, array_like=True):
    """Mean power of the 15 minutes that begin at `time`."""

    time: str
    kw: float | None


class PowerToday(msgspec.Struct, frozen=True, kw_only=True):
    """Today's load curve, and the median of the same day type in the last 4 weeks (`days`) over the whole day."""

    today: list[CurvePoint]
    typical: list[CurvePoint]
    day_type: Text
    days: list[str]


class Canteen(msgspec.Struct, frozen=True, kw_only=True):
    """The canteen today, its cabinets, and the lunches to expect tomorrow; `tomorrow` says what they rest on."""

    windows: list[Service]
    meals: int
    waste_g: float | None
    clean_share: float | None
    lunches_tomorrow: int | None
    tomorrow: Text
    cabinets: list[Cabinet]


class ContractSavings(msgspec.Struct, frozen=True, kw_only=True):
    """Savings of a contract so far, positive = saved. Preliminary: no adjustment was agreed and nobody signed.

    `fsu` is the fractional savings uncertainty at `confidence`; figures are None when `why` says what is missing.
    """

    id: int
    title: Text
    client: str
    esco: str
    carrier: str
    unit: str
    start: str
    end: str
    baseline: float | None
    measured: float | None
    saved: float | None
    share_saved: float | None
    fsu: float | None
    confidence: float
    value_yuan: Decimal | None
    esco_yuan: Decimal | None
    esco_share: Decimal
    estimated_share: float | None
    cv_rmse: float | None
    preliminary: bool
    why: Text
    devices: list[str]


class AlarmLine(msgspec.Struct, frozen=True, kw_only=True):
    """One open alarm."""

    id: int
    priority: str
    state: str
    device: str
    point: str
    rule: str
    since: str
    text: Text


class Alarms(msgspec.Struct, frozen=True, kw_only=True):
    """Open alarms: how many by priority, and the newest five."""

    open: dict[str, int]
    newest: list[AlarmLine]


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A device that does not report as it should; `last` is its newest reading, `trouble` what its agent says of it."""

    id: str
    title: Text
    kind: str
    building: str
    state: Literal["troubled", "late", "offline"]
    last: str | None
    trouble: Text | None = None


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """Device health: late beyond 2 expected intervals, offline beyond 3 or when its agent is gone, else troubled."""

    total: int
    online: int
    troubled: int
    late: int
    offline: int
    unhealthy: list[DeviceHealth]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """A site at `now`."""

    now: str
    site: SiteHeader
    power: PowerNow
    carriers: list[CarrierBooks]
    power_today: PowerToday
    heads: Heads
    canteen: Canteen
    targets: list[TargetTrack]
    contracts: list[ContractSavings]
    alarms: Alarms
    devices: Devices
