"""A CSV becomes registers and gauges, exactly, and goes out when it is due."""

import asyncio
import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import takewhile
from math import fsum
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import kinds
from edge.replay import Left, Mode, choose_meters, devices, find_kind, gauges, guess_kind, paced, registers
from edge.table import scan
from schema.errors import Stop
from schema.instant import HOUR, MINUTE, SECOND, to_datetime, to_micros
from schema.reading import Reading
from tests.real_data import real

START = to_micros(datetime(2018, 1, 1, tzinfo=UTC))
ELECTRICITY = kinds()["electricity_meter"]


def write(folder: Path, text: str, name: str = "meters.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def hourly(folder: Path, *rows: str, titles: str = "b0", name: str = "meters.csv") -> Path:
    stamps = (to_datetime(START + n * HOUR).strftime("%Y-%m-%d %H:%M:%S") for n in range(len(rows)))
    lines = (f"{stamp},{row}\n" for stamp, row in zip(stamps, rows, strict=True))
    return write(folder, f"timestamp_utc,{titles}\n{''.join(lines)}", name)


def published(path: Path, mode: Mode = "register", left: Left | None = None, **options: str) -> list[Reading]:
    table = scan(path, UTC)
    meters = choose_meters(table, guess_kind(path.stem), mode, **options)  # type: ignore[arg-type]
    make = registers if mode == "register" else gauges
    return [reading for moment in make(table, meters, left or Left()) for reading in moment]


def of(readings: list[Reading], device: str) -> list[tuple[int, float]]:
    return [((reading.time - START) // HOUR, reading.value) for reading in readings if reading.device == device]


def test_amounts_become_a_register_from_the_first_interval_start_to_each_interval_end(tmp_path: Path) -> None:
    readings = published(hourly(tmp_path, "1.5,10", "2.5,20", titles="b0,b1"))
    assert of(readings, "b0-elec") == [(0, 0.0), (1, 1.5), (2, 4.0)]
    assert of(readings, "b1-elec") == [(0, 0.0), (1, 10.0), (2, 30.0)]
    assert {(reading.point, reading.unit) for reading in readings} == {("energy", "kWh")}


@given(st.lists(st.decimals(0, 10_000, places=3), min_size=2, max_size=400))
def test_the_register_is_the_exact_sum(tmp_path_factory: pytest.TempPathFactory, amounts: list[Decimal]) -> None:
    readings = published(hourly(tmp_path_factory.mktemp("sum"), *map(str, amounts)))
    assert readings[-1].value == float(sum(amounts))


def test_a_cell_without_a_number_gives_no_reading_and_adds_nothing(tmp_path: Path) -> None:
    left = Left()
    readings = published(hourly(tmp_path, ",1", "1,", "n/a,1", "NaN,-5", "4,1", titles="b0,b1"), left=left)
    assert of(readings, "b0-elec") == [(1, 0.0), (2, 1.0), (5, 5.0)]
    assert of(readings, "b1-elec") == [(0, 0.0), (1, 1.0), (3, 2.0), (5, 3.0)]
    assert (left.blank, left.negative) == (4, 1)


def test_missing_rows_leave_a_gap_in_the_register(tmp_path: Path) -> None:
    text = "time,b0\n2018-01-01T00:00Z,1\n2018-01-01T01:00Z,1\n2018-01-01T05:00Z,1\n2018-01-01T06:00Z,1\n"
    assert of(published(write(tmp_path, text)), "b0-elec") == [(0, 0), (1, 1), (2, 2), (6, 3), (7, 4)]


def test_a_row_that_comes_early_ends_the_interval_before_it(tmp_path: Path) -> None:
    stamps = ("00:00", "01:00", "02:00", "02:30", "03:30")
    text = "time,b0\n" + "".join(f"2018-01-01T{stamp}Z,1\n" for stamp in stamps)
    times = [(reading.time - START) // MINUTE for reading in published(write(tmp_path, text))]
    assert times == [0, 60, 120, 150, 210, 270]


def test_repeated_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    text = "time,b0\n2018-01-01T00:00Z,1\n2018-01-01T00:00Z,7\n2018-01-01T01:00Z,1\n2018-01-01T02:00Z,1\n"
    path = write(tmp_path, text)
    assert scan(path, UTC).duplicates == 1
    assert of(published(path), "b0-elec") == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_time_stamps_without_an_offset_are_of_the_zone_through_the_repeated_hour(tmp_path: Path) -> None:
    text = "time,b0\n" + "".join(f"2018-10-28 {hour}:00,1\n" for hour in ("00", "01", "01", "02"))
    table = scan(write(tmp_path, text), ZoneInfo("Europe/London"))
    assert [to_datetime(time).hour for time in table.times] == [23, 0, 1, 2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("time\n2018-01-01,1\n", "at least one more column"),
        ("time,a,a\n2018-01-01,1,2\n", "title of its own"),
        ("time,a\n2018-01-01T00:00,1\n", "at least two rows"),
        ("time,a\n2018-01-01T01:00,1\n2018-01-01T00:00,1\n", "line 3: .* sort the file"),
        ("time,a\n2018-01-01T00:00,1\nyesterday,1\n", "line 3: 'yesterday' is no ISO 8601"),
        ("time,a\n2018-01-01T00:00,1,2\n", "line 2: 3 cells under 2 titles"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Stop, match=says):
        scan(write(tmp_path, text), UTC)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="No such file"):
        scan(tmp_path / "none.csv", UTC)
    (tmp_path / "some.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Stop, match="is not CSV in UTF-8"):
        scan(tmp_path / "some.csv", UTC)


def test_weather_columns_are_points_of_one_device_in_their_units(tmp_path: Path) -> None:
    path = hourly(tmp_path, "5.8,83,0", "5,,1", titles="temp_c,rh_pct,ghi_wm2", name="weather_bedford.csv")
    readings = published(path, "gauge", device="bedford")
    assert {reading.device for reading in readings} == {"bedford"}
    first = [(reading.point, reading.value, reading.unit) for reading in readings if reading.time == START]
    assert first == [("temperature", 5.8, "Cel"), ("humidity", 83.0, "%RH"), ("irradiance", 0.0, "W/m2")]
    assert len(readings) == 5


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gas_kwh_2018", "gas_meter"),
        ("canteen-water", "water_meter"),
        ("weather_x", "weather_station"),
        ("b", "electricity_meter"),
    ],
)
def test_the_file_name_tells_the_kind(name: str, kind: str) -> None:
    assert guess_kind(name).name == kind


def test_the_unit_tells_the_point(tmp_path: Path) -> None:
    path = hourly(tmp_path, "1", "1", name="gas.csv")
    assert {reading.point for reading in published(path)} == {"energy"}
    assert {(reading.point, reading.unit) for reading in published(path, unit="l")} == {("volume", "l")}
    assert {reading.point for reading in published(hourly(tmp_path, "1", "1"), "gauge", unit="V")} == {"voltage"}


def test_what_cannot_be_chosen_is_said(tmp_path: Path) -> None:
    table = scan(hourly(tmp_path, "1,2", "1,2", titles="a b,a-b"), UTC)
    with pytest.raises(Stop, match="no column x; it has a b, a-b"):
        choose_meters(table, ELECTRICITY, "register", only=("x",))
    with pytest.raises(Stop, match="same device id"):
        choose_meters(table, ELECTRICITY, "register")
    with pytest.raises(Stop, match="no unit 'kwh'"):
        choose_meters(table, ELECTRICITY, "register", unit="kwh")
    with pytest.raises(Stop, match="no register in m3"):
        choose_meters(table, ELECTRICITY, "register", unit="m3")
    with pytest.raises(Stop, match="electricity_meter"):
        find_kind("electric")


def test_devices_are_announced_as_a_replay_at_the_cadence_of_the_file(tmp_path: Path) -> None:
    table = scan(hourly(tmp_path, "1,2", "1,2", titles="B 0,b1"), UTC)
    (first, second) = devices(table, ELECTRICITY, choose_meters(table, ELECTRICITY, "register"))
    assert (first.id, first.building, first.interval, first.replay) == ("b-0-elec", "b-0", 3600.0, True)
    assert (second.title.en, second.title.zh) == ("b1 electricity meter", "b1 电表")


def test_the_books_of_the_real_meters_are_the_sums_of_the_file() -> None:
    path = real("cambridge/electricity_kwh_2018_2019.csv")
    table = scan(path, UTC)
    meters = choose_meters(table, guess_kind(path.stem), "register")
    left = Left()
    edges = {to_micros(datetime(2018, month, 1, tzinfo=UTC)): month for month in (1, 2, 3, 4)}
    shown: dict[str, dict[int, float]] = {meter.device: {} for meter in meters}
    for moment in takewhile(lambda moment: moment[0].time <= max(edges), registers(table, meters, left)):
        if moment[0].time in edges:
            for reading in moment:
                shown[reading.device][edges[reading.time]] = reading.value
    with path.open() as file:
        rows = [row for row in csv.reader(file) if row[0] < "2018-04"]
    assert len(meters) == 46
    for column, meter in enumerate(meters, 1):
        for month in (1, 2, 3):
            total = fsum(float(row[column]) for row in rows if row[0].startswith(f"2018-{month:02}"))
            assert shown[meter.device][month + 1] - shown[meter.device][month] == pytest.approx(total, abs=0.001)
    assert left == Left()


class Wall:
    """A wall clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0

    def __call__(self) -> int:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += round(seconds * SECOND)


def moments(count: int) -> Iterator[list[Reading]]:
    return ([Reading("b0-elec", "energy", START + n * HOUR, n, "kWh")] for n in range(count))


@pytest.mark.parametrize("speed", [1800.0, 3600.0, 36_000.0])
def test_readings_go_out_when_they_are_due_and_never_before(speed: float) -> None:
    wall = Wall()
    sent: list[tuple[int, Reading]] = []

    async def record(readings: list[Reading]) -> None:
        sent.extend((wall.time, reading) for reading in readings)

    asyncio.run(paced(moments(100), record, speed, wall, wall.sleep))
    late = [at - (reading.time - START) / speed for at, reading in sent]
    assert [reading.value for _, reading in sent] == list(range(100))
    assert min(late) >= 0
    assert max(late) <= 0.6 * SECOND


def test_at_full_speed_packs_fill_and_nobody_sleeps() -> None:
    wall = Wall()
    sizes: list[int] = []

    async def record(readings: list[Reading]) -> None:
        sizes.append(len(readings))

    asyncio.run(paced(moments(250), record, None, wall, wall.sleep))
    assert (sizes, wall.time) == ([100, 100, 50], 0)
