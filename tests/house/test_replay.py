"""The main job end to end: real readings, the real pipe, and the books they must end in."""

import csv
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from analytics.books.consumption import consumption
from api.auth import digest
from schema.instant import now, to_datetime, to_micros
from store.registry.base import Registry
from store.registry.people import ApiToken
from store.registry.places import devices
from store.series import open_store
from tests.house.one_box import OneBox, one_box
from tests.house.platform import Platform, platform, settled
from tests.real_data import real

pytestmark = [pytest.mark.broker, pytest.mark.influx]

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN, END = datetime(2018, 1, 1, tzinfo=UTC), datetime(2018, 2, 1, tzinfo=UTC)
ELECTRICITY = "cambridge/electricity_kwh_2018_2019.csv"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path) as house:
        house.start("ingest")
        house.start("analytics")
        house.listening()
        yield house


def replay(house: Platform | OneBox, speed: str) -> subprocess.Popen[str]:
    return house.command(
        *("replay", str(real(ELECTRICITY)), "--site", "demo", "--as", "register", "--speed", speed),
        *("--from", BEGIN.isoformat(), "--to", END.isoformat()),
    )


def ended(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said


def sums(path: Path) -> dict[tuple[str, str], Decimal]:
    """The file's own kWh by meter and local month."""
    total: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            hour = datetime.fromisoformat(row.pop("timestamp_utc")).replace(tzinfo=UTC)
            if BEGIN <= hour < END:
                for column, kwh in row.items():
                    total[f"{column}-elec", f"{hour.astimezone(ZONE):%Y-%m}"] += Decimal(kwh)
    return dict(total)


def books(house: Platform | OneBox) -> dict[tuple[str, str], float]:
    """The platform's kWh by meter and local month."""
    registry, store = Registry(house.registry), open_store(house.store)
    try:
        with registry.reading() as session:
            keys = [device.series("energy") for device in devices(session, "demo", "electricity_meter")]
        month = consumption(store, keys, to_micros(BEGIN) - 31 * 86_400_000_000, to_micros(END), "month", ZONE)
        return {
            (keys[code].device, f"{to_datetime(start).astimezone(ZONE):%Y-%m}"): value
            for code, start, value in zip(month.code.tolist(), month.start.tolist(), month.value.tolist(), strict=True)
        }
    finally:
        store.close()
        registry.close()


def assert_equal(found: dict[tuple[str, str], float], expected: dict[tuple[str, str], Decimal]) -> None:
    assert found.keys() == expected.keys()
    worst = max(abs(Decimal(found[key]) - expected[key]) for key in expected)
    assert worst < Decimal("0.001")


def test_a_month_of_46_real_meters_ends_in_the_books_of_the_file(house: Platform) -> None:
    ended(replay(house, "max"))
    house.settled()
    expected = sums(real(ELECTRICITY))
    assert len({device for device, _ in expected}) == 46
    assert_equal(books(house), expected)

    house.start("api")
    registry = Registry(house.registry)
    with registry.writing() as session:
        session.add(ApiToken(name="test", digest=digest("t"), role="viewer", site=None, created=now(), expires=None))
    registry.close()
    answered = ask(house, "/api/v1/sites/demo/consumption?device=b2-elec&period=month&from=2018-01-01&to=2018-02-01")
    [row] = answered[0]["rows"]
    assert row["start"] == "2018-01-01T00:00:00+08:00"
    assert row["value"] == pytest.approx(float(expected["b2-elec", "2018-01"]), abs=1e-3)
    house.stop()


def test_ingest_killed_twice_in_the_middle_changes_nothing(house: Platform) -> None:
    running = replay(house, "260000")
    for pause in (3.0, 3.0):
        time.sleep(pause)
        assert running.poll() is None, "the replay was over before ingest was killed"
        house.kill("ingest")
        time.sleep(0.5)
        house.start("ingest")
    ended(running)
    house.settled()
    assert_equal(books(house), sums(real(ELECTRICITY)))
    house.stop()


def test_the_whole_box_killed_twice_changes_nothing_either(tmp_path: Path) -> None:
    """Broker, ingest, store and analytics die at one stroke, on the embedded store."""
    with one_box(tmp_path, simulation=False) as (box, _):
        box.start()
        running = replay(box, "150000")
        for _ in range(2):
            time.sleep(3.0)
            assert running.poll() is None, "the replay was over before the box was killed"
            box.kill()
            box.start()
        ended(running)
        settled(box.registry)
        box.stop()
        assert_equal(books(box), sums(real(ELECTRICITY)))


def ask(house: Platform, path: str) -> Any:
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = httpx.get(f"http://127.0.0.1:{house.port}{path}", headers={"Authorization": "Bearer t"})
        except httpx.TransportError:
            assert time.monotonic() < deadline, house.said("api")
            time.sleep(0.1)
        else:
            assert answer.status_code == 200, answer.text
            return answer.json()
