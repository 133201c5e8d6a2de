"""A compound for the page tests: eight weeks of real rows in a DuckDB and a SQLite, made from plain curves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import cos, pi, sin
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from cbor2 import dumps

from analytics.alarms import lifecycle
from analytics.books import rules
from api.context import Context
from api.live import Hub
from api.passwords import FIRST_ADMIN, ensure_admin, hashed
from devices import kinds
from schema.batch import Batch
from schema.event import Meal, Pass, PlateWaste
from schema.finding import Evidence, Finding
from schema.instant import DAY, HOUR, MINUTE, SECOND, to_datetime, to_micros
from schema.series import Quality, SeriesKey
from schema.text import Text
from store.registry import journal
from store.registry.base import Base, Registry
from store.registry.contracts import Contract, ContractMeter
from store.registry.deadletters import Parked, park
from store.registry.events import StoredEvent, record
from store.registry.goals import Target
from store.registry.people import User
from store.registry.places import Device, Site
from store.registry.roster import Duty
from store.registry.treatments import OutOfService, Treatment
from store.series.duckdb import DuckStore

ZONE = ZoneInfo("Asia/Shanghai")
NOW = to_micros(datetime(2026, 5, 20, 14, 22, 30, tzinfo=ZONE))
QUARTER = 15 * MINUTE
GAP = to_micros(datetime(2026, 5, 19, 1, tzinfo=ZONE))
POWER = SeriesKey("court", "b1", "electricity_meter", "main-1", "power")


@dataclass
class Ticking:
    """A clock that starts at NOW, or `ahead` of it, and goes on as the wall clock does."""

    began: float
    ahead: int = 0

    def __call__(self) -> int:
        return NOW + self.ahead + int((time.monotonic() - self.began) * SECOND)


@dataclass(frozen=True)
class Compound:
    """The context of a filled compound, and the one-time password of its administrator."""

    context: Context
    password: str


def empty(folder: Path) -> Compound:
    """A platform that has not heard of anything yet."""
    registry = Registry(f"sqlite:///{folder / 'registry.sqlite'}")
    Base.metadata.create_all(registry.engine)
    clock = Ticking(time.monotonic())
    password = ensure_admin(registry, lambda size: b"\x07" * size, NOW)
    assert password is not None
    store = DuckStore(folder / "series.duckdb")
    return Compound(Context(store, registry, Hub(), clock, "page tests", b"page tests"), password)


def filled(folder: Path) -> Compound:
    """Meters, gates, a canteen, targets, a contract and alarms."""
    compound = empty(folder)
    with compound.context.registry.writing() as session:
        session.add(
            Site(id="court", title_zh="市级机关大院", title_en="Municipal compound", area_m2=42_000.0, people=1_350)
        )
        session.flush()
        session.add_all(_devices())
        session.add_all(_targets())
        session.flush()
        session.add(_contract())
        record(session, _events(), NOW)
        park(session, _letters(), NOW - 2 * HOUR)
        lifecycle.apply(session, _findings(), NOW - HOUR)
        session.add_all(_care())
        journal.record(session, _changes(), NOW - 3 * HOUR)
    for batch in _batches():
        compound.context.store.write(batch)
    return compound


def choose_password(filled: Compound, password: str) -> None:
    """Give the administrator a password of their own."""
    with filled.context.registry.writing() as session:
        user = session.get_one(User, FIRST_ADMIN)
        user.password_hash, user.must_change = hashed(password), False


def add_user(filled: Compound, name: str, password: str, role: str, site: str | None = None) -> None:
    """One more account, of one site where it is named."""
    user = User(name=name, role=role, site=site, password_hash=hashed(password), must_change=False, active=True)
    user.created = NOW
    with filled.context.registry.writing() as session:
        session.add(user)


def replayed(folder: Path) -> Compound:
    """Two meters whose registers are history sent again, looked at three years later."""
    compound = empty(folder)
    with compound.context.registry.writing() as session:
        session.add(Site(id="court", title_zh="历史院区", title_en="Past compound", area_m2=None, people=None))
        session.flush()
        for device in _devices():
            if device.id in ("main-1", "main-2"):
                device.replay = True
                session.add(device)
    for name in ("main-1", "main-2"):
        for batch in _books(name, NOW - 12 * DAY):
            compound.context.store.write(batch)
    clock = compound.context.clock
    assert isinstance(clock, Ticking)
    clock.ahead = 3 * 365 * DAY
    return compound


_KIND = {
    "main-1": ("electricity_meter", "b1", "1 号总表", "Main meter 1", None),
    "main-2": ("electricity_meter", "b2", "2 号总表", "Main meter 2", None),
    "chiller": ("electricity_meter", "b1", "冷冻机房", "Chiller plant", "main-1"),
    "server-room": ("electricity_meter", "b2", "信息机房", "Server room", "main-2"),
    "water-1": ("water_meter", "b1", "自来水总表", "Water main", None),
    "gas-1": ("gas_meter", "canteen", "燃气总表", "Gas main", None),
    "gate-north": ("gate", "yard", "北门", "North gate", None),
    "gate-south": ("gate", "yard", "南门", "South gate", None),
    "terminal-1": ("canteen_terminal", "canteen", "就餐终端 1", "Canteen terminal 1", None),
    "scale-1": ("plate_scale", "canteen", "回收台餐盘秤", "Plate scale", None),
    "chill-1": ("cold_chain", "canteen", "冷藏柜 1", "Chilled cabinet 1", None),
    "chill-2": ("cold_chain", "canteen", "冷藏柜 2", "Chilled cabinet 2", None),
    "weather": ("weather_station", "yard", "气象站", "Weather station", None),
}


def _devices() -> Iterator[Device]:
    for name, (kind, building, zh, en, parent) in _KIND.items():
        yield Device(
            site="court",
            id=name,
            building=building,
            kind=kind,
            title_zh=zh,
            title_en=en,
            parent=parent,
            agent="edge-1",
            interval=60.0 if kind == "electricity_meter" else 300.0,
            replay=False,
            state="online",
            state_since=NOW - 40 * DAY,
        )


def key(device: str, point: str) -> SeriesKey:
    """A series of the compound."""
    return SeriesKey("court", _KIND[device][1], _KIND[device][0], device, point)


def _targets() -> Iterator[Target]:
    for carrier, zh, en, basis, limit in (
        ("electricity", "本月用电总量", "Electricity this month", "total", 236_000.0),
        ("water", "本月用水总量", "Water this month", "total", 1_950.0),
        ("gas", "本月用气总量", "Gas this month", "total", 26_500.0),
        ("electricity", "单位面积电耗", "Electricity per area", "area", 6.2),
    ):
        yield Target(
            site="court",
            title_zh=zh,
            title_en=en,
            carrier=carrier,
            basis=basis,
            limit=limit,
            valid_from=date(2026, 1, 1),
        )


def _contract() -> Contract:
    return Contract(
        site="court",
        title_zh="冷冻机房节能改造",
        title_en="Chiller plant retrofit",
        client="机关事务局",
        esco="节能服务公司",
        weather="weather",
        baseline_start=date(2026, 3, 28),
        baseline_end=date(2026, 5, 4),
        reporting_start=date(2026, 5, 4),
        reporting_end=None,
        price=Decimal("0.82"),
        share=Decimal("0.6"),
        meters=[ContractMeter(device="chiller")],
    )


def _load(device: str, at: int) -> float:
    """kW (or m3/h) of a meter at an instant."""
    local = to_datetime(at).astimezone(ZONE)
    hour = local.hour + local.minute / 60
    work = local.weekday() < 5
    day = max(0.0, sin((hour - 6.5) / 12.5 * pi)) if 6.5 < hour < 19 else 0.0
    lunch = 0.86 if 12 <= hour < 13.5 else 1.0
    ripple = 1 + 0.05 * sin(at / 7.3e9) + 0.025 * sin(at / 1.1e9)
    busy: float = day**0.55 * lunch * (1.0 if work else 0.28)
    match device:
        case "main-1":
            return (92 + 330 * busy) * ripple
        case "main-2":
            return (61 + 148 * busy) * ripple
        case "chiller":
            return (12 + 150 * busy) * ripple * (0.84 if local.date() >= date(2026, 5, 4) else 1.0)
        case "server-room":
            return 38 * ripple
        case "water-1":
            return (0.5 + 5.4 * busy) * ripple
    meal = sum(max(0.0, 1 - abs(hour - at_) / 1.3) for at_ in (6.8, 11.0, 16.6))
    return (3 + 96 * meal * (1.0 if work else 0.3)) * ripple


def _batches() -> Iterator[Batch]:
    start = to_micros(datetime(2026, 3, 27, tzinfo=ZONE))
    for name in ("main-1", "main-2", "chiller", "server-room", "water-1", "gas-1"):
        kind = kinds()[_KIND[name][0]]
        yield from _books(name, start)
        if kind.demand is not None:
            minutes = np.arange(NOW - DAY, NOW + 1, MINUTE, dtype=np.int64)
            yield _series(key(name, kind.demand), minutes, np.array([_load(name, int(at)) for at in minutes]))
            for point, value in (("voltage", 231.4), ("current", 402.0), ("power_factor", 0.94)):
                yield _series(key(name, point), minutes[-30:], value * (1 + 0.004 * np.sin(np.arange(30))))
    hours = np.arange(start, NOW, 5 * MINUTE, dtype=np.int64)
    degrees = np.array([21 + 6 * cos((to_datetime(int(at)).astimezone(ZONE).hour - 15) / 12 * pi) for at in hours])
    yield _series(key("weather", "temperature"), hours, degrees + np.linspace(0, 5, len(hours)))
    fives = np.arange(NOW - DAY, NOW + 1, 5 * MINUTE, dtype=np.int64)
    yield _series(key("chill-1", "temperature"), fives, 3.2 + 0.6 * np.sin(np.arange(len(fives)) / 4))
    yield _series(key("chill-2", "temperature"), fives, 8.9 + 0.3 * np.sin(np.arange(len(fives)) / 4))
    for name, point in (
        ("gate-north", "entries"),
        ("terminal-1", "meals"),
        ("scale-1", "plates"),
    ):
        yield _series(key(name, point), fives, np.arange(len(fives)) * 2.0)
    yield _series(key("gate-south", "entries"), fives[:200], np.arange(200) * 2.0)


def _books(name: str, start: int) -> Iterator[Batch]:
    """The register of a meter from an instant on, and its intervals."""
    consumption = kinds()[_KIND[name][0]].consumption
    assert consumption is not None
    quarters = np.arange(start - start % QUARTER, NOW - NOW % QUARTER, QUARTER, dtype=np.int64)
    used = np.array([_load(name, int(at)) * 0.25 for at in quarters])
    register = key(name, consumption)
    yield Batch.of((register.intervals(),), np.zeros(len(used), np.int32), quarters, used, _marks(name, quarters))
    yield _series(register, quarters + QUARTER, 10_000 + np.cumsum(used))


def _marks(name: str, quarters: np.ndarray) -> np.ndarray:
    """The quality of the intervals; meter 1 was silent for five hours yesterday and read once by mistake."""
    quality, rule = np.zeros((2, len(quarters)), np.uint8)
    if name == "main-1":
        gap = (quarters >= GAP) & (quarters < GAP + 5 * HOUR)
        quality[gap], rule[gap] = Quality.ESTIMATED, rules.PROFILE
        rule[quarters == GAP + 8 * HOUR] = rules.LEFT_OUT
        quality[quarters == GAP + 10 * HOUR] = Quality.PARTIAL
    return rules.marked(quality, rule)


def _changes() -> Iterator[journal.Entry]:
    register = key("main-1", "energy")
    measured, estimated = int(Quality.MEASURED), int(Quality.ESTIMATED)
    yield journal.Entry(
        register,
        GAP,
        GAP + 5 * HOUR,
        20,
        (402.5, estimated, rules.FLAT),
        (451.25, estimated, rules.PROFILE),
        "history",
        GAP - 9 * DAY,
        GAP - 8 * DAY,
    )
    yield journal.Entry(
        register,
        GAP - 2 * DAY,
        GAP - 2 * DAY + HOUR,
        4,
        (80.1, estimated, rules.FLAT),
        (96.4, measured, rules.NONE),
        "gap_closed",
        GAP - 2 * DAY,
        GAP - 2 * DAY + HOUR,
    )


def _series(series: SeriesKey, time_: np.ndarray, value: np.ndarray) -> Batch:
    return Batch.of((series,), np.zeros(len(time_), np.int32), time_, value)


def _events() -> Iterator[StoredEvent]:
    midnight = NOW - (NOW - to_micros(datetime(2026, 5, 20, tzinfo=ZONE)))
    for number in range(912):
        at = midnight + 7 * HOUR + int(number * 2.4 * HOUR / 912)
        yield StoredEvent("court", ("gate-north", "gate-south")[number % 2], _pass(f"i{number}", at, "in"))
    for number in range(187):
        yield StoredEvent("court", "gate-north", _pass(f"o{number}", midnight + 11 * HOUR + number * MINUTE, "out"))
    for window, begin, count in (("breakfast", 7, 236), ("lunch", 11, 684)):
        for number in range(count):
            at = midnight + begin * HOUR + 20 * MINUTE + number * 7 * SECOND
            yield StoredEvent(
                "court",
                "terminal-1",
                msgspec.convert(
                    {"type": "meal", "id": f"{window}{number}", "time": at, "window": window, "price": "12.00"}, Meal
                ),
            )
            left = 12.0 + 5 * (number % 9) + (60.0 if number % 11 == 0 else 0.0)
            yield StoredEvent(
                "court",
                "scale-1",
                msgspec.convert(
                    {
                        "type": "plate",
                        "id": f"{window}{number}",
                        "time": at + 20 * MINUTE,
                        "window": window,
                        "left_g": left,
                    },
                    PlateWaste,
                ),
            )


def _pass(name: str, at: int, direction: str) -> Pass:
    body = {"type": "pass", "id": name, "time": at, "direction": direction, "granted": True, "passed": True}
    return msgspec.convert({**body, "reason": "ok", "decided_by": "platform", "subject": "staff"}, Pass)


def _findings() -> Iterator[Finding]:
    yield Finding(
        series=key("chill-2", "temperature"),
        rule="cold_chain",
        begin=NOW - 3 * HOUR,
        end=NOW - HOUR,
        observed=9.1,
        expected=4.0,
        low=0.0,
        high=8.0,
        unit="Cel",
        severity="critical",
        confidence=0.98,
        reason=Text("柜内 9.1 °C，已超过 8 °C 上限 2 小时", "9.1 °C inside, above the 8 °C limit for 2 hours"),
    )
    yield Finding(
        series=key("server-room", "energy").intervals(),
        rule="seasonal",
        begin=NOW - 14 * HOUR,
        end=NOW - 2 * HOUR,
        observed=9.6,
        expected=6.1,
        low=5.2,
        high=7.4,
        unit="kWh",
        severity="warning",
        confidence=0.91,
        reason=Text(
            "夜间用电 9.6 kWh/15 分钟，同类日同时段为 5.2 到 7.4",
            "9.6 kWh in 15 min at night, where 5.2 to 7.4 is usual for such a day",
        ),
        cause="left_on",
        evidence=tuple(
            Evidence(series, NOW - 14 * HOUR, NOW - 2 * HOUR)
            for series in (key("server-room", "energy").intervals(), key("main-2", "power"))
        ),
        cost_kwh_per_hour=14.0,
        cost_yuan_per_hour=Decimal("11.48"),
        cost_kgco2_per_hour=7.97,
    )
    yield Finding(
        series=key("gate-south", "entries"),
        rule="silent",
        begin=NOW - 7 * HOUR,
        end=NOW - HOUR,
        observed=7.0,
        expected=0.08,
        low=0.0,
        high=0.25,
        unit="h",
        severity="info",
        confidence=1.0,
        reason=Text("7 小时没有读数，应每 5 分钟一次", "No reading for 7 hours, one every 5 minutes is expected"),
    )


def _care() -> Iterator[Duty | Treatment | OutOfService]:
    for tier, channel, days, start, end in (
        (1, "duty", "1111100", 8 * 60, 18 * 60),
        (1, "night", "1111100", 18 * 60, 8 * 60),
        (1, "weekend", "0000010", 9 * 60, 21 * 60),
        (2, "chief", "1111111", 0, 0),
    ):
        yield Duty(site="court", tier=tier, channel=channel, days=days, start=start, end=end)
    eased = {"site": "court", "who": "admin", "changed": NOW - 2 * DAY}
    yield Treatment(
        device="gas-1", rule="seasonal", on_delay=15 * MINUTE, off_delay=10 * MINUTE, comment="宴会", **eased
    )
    yield Treatment(device="", rule="stuck", tolerance=1.37, comment="#2", **eased)
    removed = {"site": "court", "since": NOW - DAY, "who": "operator"}
    yield OutOfService(device="terminal-1", rule="silent", until=NOW + 3 * DAY, comment="换网线", **removed)


def _letters() -> Iterator[Parked]:
    main = ("dayuan/court/b1/electricity_meter/main-1/readings", "court", "main-1")
    water = ("dayuan/court/b1/water_meter/water-9/readings", "court", "water-9")
    pack = b'[{"bn":"court/main-1/","bt":1779257400,"n":"voltage","u":"V","v":2314000000.0}]'
    for number in range(15):
        yield Parked(
            *water, "unknown_device", "court/water-9 has sent no birth message", b'[{"n":"volume","v":%d}]' % number
        )
    for _ in range(3):
        yield Parked(*main, "undecodable", "byte 0", b"\xff\x00\x8a\x10 garbled \xfe")
    yield Parked(*main, "implausible", "voltage = 2.314e+09", pack)
    yield Parked(
        *main, "unknown_point", "an electricity_meter has no point 'voltage'", pack.replace(b"2314000000.0", b"231.4")
    )
    yield Parked(*main, "too_large", "300000 bytes, the limit is 262144", b"[" + b'{"n":"power","v":1},' * 15_000)
    yield Parked("dayuan/court//x", "", "", "bad_topic", "an empty part", b"")
    yield Parked(*main, "bad_time", "1779257400 s", dumps([{0: "power", 2: 41.5, 6: 1779257400}]))
