"""The overview of a small compound in a real DuckDB and a real SQLite registry."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from analytics.carriers import SEED
from analytics.live.overview import Overview, overview
from schema.batch import Batch
from schema.errors import Reject
from schema.event import Meal, Pass, PlateWaste
from schema.instant import DAY, HOUR, MINUTE, SECOND, to_micros
from schema.series import SeriesKey
from store.registry.alarms import Alarm
from store.registry.base import Registry
from store.registry.contracts import Contract, ContractMeter
from store.registry.events import StoredEvent, record
from store.registry.goals import ColdLimit, Target, publish
from store.registry.migrate import tables
from store.registry.places import Device, Site
from store.registry.worklist import Work
from store.series.duckdb import DuckStore
from tests.analytics.test_settling import settle

ZONE = ZoneInfo("Asia/Shanghai")
NOW = to_micros(datetime(2026, 11, 18, 10, 7, tzinfo=ZONE))
TODAY = to_micros(datetime(2026, 11, 18, tzinfo=ZONE))
FIRST = TODAY - 35 * DAY
KINDS = {
    "elec-1": ("electricity_meter", None),
    "elec-2": ("electricity_meter", None),
    "elec-sub": ("electricity_meter", "elec-1"),
    "water-1": ("water_meter", None),
    "gas-1": ("gas_meter", None),
    "gate-1": ("gate", None),
    "gate-2": ("gate", None),
    "till-1": ("canteen_terminal", None),
    "cold-1": ("cold_chain", None),
    "cold-2": ("cold_chain", None),
    "sky-1": ("weather_station", None),
}
KW = {"elec-1": 40.0, "elec-2": 8.0, "elec-sub": 12.0, "water-1": 2.0, "gas-1": 20.0}


@dataclass(frozen=True)
class Compound:
    """A site with five weeks behind it."""

    store: DuckStore
    registry: Registry

    def see(self, now: int = NOW) -> Overview:
        return overview(self.store, self.registry, "demo", now)

    def write(self, key: SeriesKey, times: list[int], values: list[float]) -> None:
        self.store.write(Batch.of((key,), [0] * len(times), times, values))


def key(device: str, point: str) -> SeriesKey:
    return SeriesKey("demo", "b1", KINDS[device][0], device, point)


def register(point: str, device: str) -> Batch:
    """Even use around the clock: a register read every quarter of an hour, and once more just now."""
    times = np.append(np.arange(FIRST, NOW, 15 * MINUTE), NOW - 10 * SECOND)
    return Batch.of((key(device, point),), np.zeros(len(times), int), times, (times - FIRST) / HOUR * KW[device])


def gauge(device: str, point: str, value: float, age: int = 10 * SECOND) -> Batch:
    return Batch.of((key(device, point),), [0], [NOW - age], [value])


@pytest.fixture
def compound(tmp_path: Path) -> Iterator[Compound]:
    store = DuckStore(tmp_path / "series.duckdb")
    registers = [register("energy", name) for name in ("elec-1", "elec-2", "elec-sub", "gas-1")]
    registers.append(register("volume", "water-1"))
    weather = np.arange(FIRST, NOW, HOUR)
    air = 8 + 6 * np.sin(2 * np.pi * weather / (11 * DAY))
    store.write(Batch.concat(registers))
    store.write(
        Batch.concat(
            [
                Batch.of((key("sky-1", "temperature"),), np.zeros(len(weather), int), weather, air),
                gauge("elec-1", "power", 41.0),
                gauge("elec-2", "power", 7.5),
                gauge("elec-sub", "power", 12.0),
                gauge("cold-1", "temperature", 5.0),
                gauge("cold-2", "temperature", -9.0),
                Batch.of((key("gate-2", "entries"),), [0, 0], [TODAY + 5 * HOUR, NOW - MINUTE], [100, 130]),
                Batch.of((key("gate-2", "exits"),), [0, 0], [TODAY + 5 * HOUR, NOW - MINUTE], [90, 94]),
                Batch.of((key("gate-1", "entries"),), [0], [NOW - MINUTE], [7]),
                Batch.of((key("till-1", "meals"),), [0], [NOW - MINUTE], [7]),
            ]
        )
    )
    settle(store, [Work(batch.keys[0], FIRST, NOW) for batch in registers])
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    tables().metadata.create_all(registry.engine)
    with registry.writing() as session:
        session.add(
            Site(id="demo", title_zh="示范大院", title_en="Demo", timezone="Asia/Shanghai", calendar="CN", area_m2=2e4)
        )
        session.flush()
        for name, (kind, parent) in KINDS.items():
            interval = {"electricity_meter": 15, "weather_station": 3600}.get(kind, 60)
            session.add(
                Device(
                    site="demo",
                    id=name,
                    building="b1",
                    kind=kind,
                    title_zh=name,
                    title_en=name,
                    parent=parent,
                    interval=interval,
                    state_since=FIRST,
                )
            )
        goal = {"site": "demo", "period": "month", "valid_from": date(2026, 1, 1)}
        session.add(Target(title_zh="总量", title_en="Total", carrier="electricity", basis="total", limit=4e4, **goal))
        session.add(Target(title_zh="强度", title_en="Per m2", carrier="electricity", basis="area", limit=1.5, **goal))
        session.add(Target(title_zh="人均", title_en="Per head", carrier="water", basis="people", limit=2, **goal))
        session.add(ColdLimit(site="demo", device="cold-2", low=None, high=-12.0))
        session.add(
            Contract(
                site="demo",
                title_zh="照明改造",
                title_en="Lighting",
                client="bureau",
                esco="esco",
                weather="sky-1",
                baseline_start=date(2026, 10, 14),
                baseline_end=date(2026, 11, 11),
                reporting_start=date(2026, 11, 11),
                price=Decimal("0.8"),
                share=Decimal("0.7"),
                meters=[ContractMeter(device="elec-1"), ContractMeter(device="elec-2")],
            )
        )
        publish(session, SEED)
        record(session, events(), NOW)
    yield Compound(store, registry)
    store.close()
    registry.close()


def events() -> list[StoredEvent]:
    """Ten in and three out of gate-1 this morning, two lunches yesterday, breakfast and plates today."""
    found = []
    for number in range(13):
        direction = "in" if number < 10 else "out"
        passed = Pass(
            id=f"p{number}",
            time=TODAY + 8 * HOUR + number * MINUTE,
            direction=direction,  # type: ignore[arg-type]
            granted=True,
            passed=True,
            reason="ok",
            decided_by="platform",
        )
        found.append(StoredEvent("demo", "gate-1", passed))
    for number in range(4):
        time = TODAY + 7 * HOUR + number * MINUTE
        found.append(StoredEvent("demo", "till-1", Meal(id=f"m{number}", time=time, window="breakfast", price="5")))
        lunch = Meal(id=f"l{number}", time=TODAY - 12 * HOUR, window="lunch", price="12")
        found.append(StoredEvent("demo", "till-1", lunch))
    for number, left in enumerate((10.0, 50.0)):
        plate = PlateWaste(id=f"w{number}", time=TODAY + 8 * HOUR, window="breakfast", left_g=left)
        found.append(StoredEvent("demo", "till-1", plate))
    return found


def test_power_is_the_sum_of_the_main_meters_that_are_fresh(compound: Compound) -> None:
    power = compound.see().power
    assert power.kw == pytest.approx(48.5)
    assert (power.fresh, power.expected) == (2, 2)
    assert power.devices == ["elec-1", "elec-2"]


def test_stale_power_is_missing_not_zero(compound: Compound) -> None:
    compound.write(key("elec-2", "power"), [NOW + 5 * MINUTE], [8.0])
    power = compound.see(NOW + 5 * MINUTE).power
    assert power.kw == pytest.approx(8.0)
    assert power.missing == ["elec-1"]
    assert compound.see(NOW + HOUR).power.kw is None


def test_the_books_of_each_carrier(compound: Compound) -> None:
    carriers = {books.carrier: books for books in compound.see().carriers}
    assert list(carriers) == ["electricity", "water", "gas"]
    power = carriers["electricity"]
    hours = (NOW - TODAY) / HOUR
    assert power.today == pytest.approx(48 * hours, rel=1e-3)
    assert power.yesterday == pytest.approx(48 * hours, rel=1e-9)
    assert power.month == pytest.approx(48 * (17 * 24 + hours), rel=1e-4)
    assert (power.unit, power.devices) == ("kWh", ["elec-1", "elec-2"])
    assert power.kgce == pytest.approx((power.month or 0) * 0.1229)
    assert power.coverage == pytest.approx(1.0, abs=1e-3)
    assert power.target is not None
    assert (carriers["water"].unit, carriers["water"].kgce, carriers["water"].basis) == ("m3", None, None)
    assert carriers["gas"].kgco2 == pytest.approx((carriers["gas"].month or 0) * 0.19994)


def test_targets_in_total_and_per_area_and_one_that_cannot_be_told(compound: Compound) -> None:
    total, area, people = compound.see().targets
    assert total.forecast == pytest.approx(48 * 24 * 30, rel=1e-3)
    assert (total.status, area.status, people.status) == ("on_track", "at_risk", "unknown")
    assert (area.unit, people.unit) == ("kWh/m2", "m3/person")
    assert area.used == pytest.approx((total.used or 0) / 2e4)
    assert (total.start, total.end) == ("2026-11-01T00:00:00+08:00", "2026-12-01T00:00:00+08:00")


def test_a_target_nobody_meters_says_so(compound: Compound) -> None:
    with compound.registry.writing() as session:
        session.add(
            Target(site="demo", title_zh="热", title_en="Heat", carrier="heat", limit=10, valid_from=date(2026, 1, 1))
        )
    heat = compound.see().targets[-1]
    assert (heat.status, heat.used, heat.why.en) == ("unknown", None, "No main meter counts this carrier.")


def test_a_target_of_the_year_looks_back_to_its_first_day(compound: Compound) -> None:
    """Five weeks of a year are known: far too little to forecast it."""
    with compound.registry.writing() as session:
        for target in session.query(Target):
            target.period, target.limit = "year", 1e6
    total = compound.see().targets[0]
    assert (total.start, total.status) == ("2026-01-01T00:00:00+08:00", "unknown")
    assert total.coverage == pytest.approx(35.4 / 321.4, abs=1e-3)


def test_the_curve_of_today_and_of_a_typical_day(compound: Compound) -> None:
    power = compound.see().power_today
    assert len(power.today) == 40
    assert all(point.kw == pytest.approx(48.0) for point in power.today)
    assert power.today[-1].time == "2026-11-18T09:45:00+08:00"
    assert len(power.typical) == 96
    assert power.typical[50].kw == pytest.approx(48.0)
    assert len(power.days) == 20
    assert power.day_type.en == "workday"


def test_a_quarter_hour_one_meter_does_not_know_is_not_drawn(compound: Compound) -> None:
    """A meter that fell silent at nine would otherwise look like a drop in load."""
    late = to_micros(datetime(2026, 11, 18, 11, 0, tzinfo=ZONE))
    tail = [NOW + 8 * MINUTE, late]
    compound.write(key("elec-1", "energy"), tail, [(time - FIRST) / HOUR * KW["elec-1"] for time in tail])
    settle(compound.store, [Work(key("elec-1", "energy"), NOW, late)])
    today = {point.time[11:16]: point.kw for point in compound.see(late).power_today.today}
    assert today["09:45"] == pytest.approx(48.0)
    assert today["10:30"] is None


def test_heads_from_events_and_where_there_are_none_from_counters(compound: Compound) -> None:
    heads = compound.see().heads
    assert (heads.present, heads.entries, heads.exits, heads.source) == (33, 40, 7, "mixed")
    assert heads.devices == ["gate-1", "gate-2"]
    assert heads.uncertain is None


def test_the_canteen(compound: Compound) -> None:
    canteen = compound.see().canteen
    assert [(one.window, one.meals) for one in canteen.windows] == [("breakfast", 4)]
    assert canteen.meals == 4
    assert canteen.waste_g == pytest.approx(30.0)
    assert canteen.clean_share == pytest.approx(0.5)
    assert canteen.lunches_tomorrow == 4
    assert [(one.device, one.storage, one.state) for one in canteen.cabinets] == [
        ("cold-1", "chilled", "ok"),
        ("cold-2", "frozen", "too_warm"),
    ]


def test_a_contract_is_preliminary_and_near_nothing_where_nothing_changed(compound: Compound) -> None:
    (contract,) = compound.see().contracts
    assert contract.preliminary
    assert contract.baseline == pytest.approx(48 * 24 * 7, rel=1e-3)
    assert contract.saved == pytest.approx(0, abs=1)
    assert contract.value_yuan is not None
    assert abs(contract.value_yuan) < 1
    assert (contract.carrier, contract.unit, contract.devices) == ("electricity", "kWh", ["elec-1", "elec-2"])
    assert (contract.start, contract.end) == ("2026-11-11", "2026-11-18")
    assert "less than a year" in contract.why.en


def test_a_contract_without_a_baseline_says_what_is_missing(compound: Compound) -> None:
    with compound.registry.writing() as session:
        for contract in session.query(Contract):
            contract.baseline_start = date(2026, 9, 1)
    (line,) = compound.see().contracts
    assert (line.saved, line.value_yuan) == (None, None)
    assert "%" in line.why.en


def test_alarms_newest_first_without_the_shelved(compound: Compound) -> None:
    with compound.registry.writing() as session:
        session.add_all([_alarm(1, "high"), _alarm(2, "low"), _alarm(3, "low", shelved=NOW + HOUR)])
    alarms = compound.see().alarms
    assert alarms.open == {"high": 1, "low": 1}
    assert [line.text.en for line in alarms.newest] == ["alarm 2", "alarm 1"]


def _alarm(number: int, priority: str, shelved: int | None = None) -> Alarm:
    return Alarm(
        site="demo",
        building="b1",
        kind="electricity_meter",
        device=f"elec-{number}",
        point="power",
        rule="seasonal",
        phase="unacknowledged",
        priority=priority,
        title_zh=f"告警 {number}",
        title_en=f"alarm {number}",
        reason_zh="",
        reason_en="",
        action_zh="",
        action_en="",
        begin=NOW - HOUR + number * MINUTE,
        end=NOW,
        opened=NOW,
        closed=None,
        count=1,
        observed=1.0,
        expected=0.0,
        low=0.0,
        high=0.5,
        unit="kW",
        confidence=0.9,
        cost_kwh_per_hour=0.0,
        acknowledged_by=None,
        acknowledged=None,
        comment=None,
        shelved_until=shelved,
    )


def test_devices_late_and_offline(compound: Compound) -> None:
    assert compound.see().devices.unhealthy == []
    later = compound.see(NOW + 2 * MINUTE + 5 * SECOND).devices
    assert {one.id: one.state for one in later.unhealthy}["elec-1"] == "offline"
    assert {one.id: one.state for one in later.unhealthy}["water-1"] == "late"
    assert later.total == later.online + later.late + later.offline == len(KINDS)


def test_history_sent_again_is_not_silent(compound: Compound) -> None:
    with compound.registry.writing() as session:
        for device in session.query(Device):
            device.replay = True
    assert compound.see(NOW + 30 * DAY).devices.unhealthy == []


def test_a_device_its_agent_lost_is_offline(compound: Compound) -> None:
    with compound.registry.writing() as session:
        session.get_one(Device, ("demo", "elec-1")).state = "offline"
    (one,) = compound.see().devices.unhealthy
    assert (one.id, one.state, one.last) == ("elec-1", "offline", "2026-11-18T10:06:50+08:00")


def test_a_site_without_anything_says_not_known(compound: Compound) -> None:
    with compound.registry.writing() as session:
        session.add(Site(id="bare", title_zh="空", title_en="Bare", timezone="Asia/Shanghai", calendar="CN"))
    seen = overview(compound.store, compound.registry, "bare", NOW)
    assert (seen.power.kw, seen.power.expected, seen.carriers, seen.heads.present) == (None, 0, [], None)
    assert all(point.kw is None for point in seen.power_today.today)
    assert (seen.canteen.windows, seen.canteen.waste_g, seen.targets, seen.contracts) == ([], None, [], [])


def test_an_unknown_site_is_refused(compound: Compound) -> None:
    with pytest.raises(Reject, match="unknown_site"):
        overview(compound.store, compound.registry, "nowhere", NOW)


def test_it_reads_again_as_json(compound: Compound) -> None:
    seen = compound.see()
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Overview) == seen
