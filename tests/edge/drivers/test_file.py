"""Files that grow, are rotated, truncated and cut off anywhere: every whole line once, and no half line ever."""

import asyncio
import json
import random
import shutil
import threading
import time
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from edge.drivers import Wired
from edge.drivers.file import Section, _piece, _Stand
from edge.tomlfile import Wrong
from schema.instant import SECOND, now, to_datetime
from tests.edge.drivers.hearing import Kept, hearing, until, wired

pytestmark = pytest.mark.anyio
TITLES = "time,kwh\n"


def meter(path: Path, **more: object) -> Wired:
    told = {"path": str(path), "time": {"from": "time"}, "readings": {"energy": "kwh"}, **more}
    return wired("m-1", "electricity_meter", "file", told, 0.05)


def line(number: int) -> str:
    at = to_datetime(now() // SECOND * SECOND) - timedelta(days=1) + timedelta(seconds=number)
    return f"{at.isoformat()},{1000 + number}\n"


def lines(first: int, last: int) -> str:
    return "".join(line(number) for number in range(first, last + 1))


def add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def numbers(kept: Kept) -> list[int]:
    return [int(reading.value) - 1000 for reading in kept.readings]


async def test_a_growing_file_is_read_line_by_line_and_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(TITLES + lines(1, 3), encoding="utf-8")
    async with hearing(tmp_path, meter(path)) as kept:
        await until(lambda: numbers(kept) == [1, 2, 3])
        whole = line(4)
        add(path, whole[:-4])
        await asyncio.sleep(0.2)
        assert numbers(kept) == [1, 2, 3], "half a line is none"
        add(path, whole[-4:])
        await until(lambda: numbers(kept) == [1, 2, 3, 4])
    add(path, lines(5, 6))
    async with hearing(tmp_path, meter(path)) as kept:
        await until(lambda: numbers(kept) == [5, 6])
        await asyncio.sleep(0.15)
    assert numbers(kept) == [5, 6]
    assert not kept.troubles


async def test_a_rotated_file_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(TITLES + lines(1, 3), encoding="utf-8")
    async with hearing(tmp_path, meter(path)) as kept:
        await until(lambda: len(kept.readings) == 3)
    add(path, lines(4, 5))
    path.rename(tmp_path / "log.csv.1")
    path.write_text(TITLES + lines(6, 7), encoding="utf-8")
    async with hearing(tmp_path, meter(path)) as kept:
        await until(lambda: numbers(kept) == [4, 5, 6, 7])


@pytest.mark.parametrize("longer", [False, True])
async def test_a_file_that_begins_anew_is_read_from_its_beginning(tmp_path: Path, longer: bool) -> None:
    path = tmp_path / "log.csv"
    path.write_text(TITLES + lines(1, 30), encoding="utf-8")
    async with hearing(tmp_path, meter(path)) as kept:
        await until(lambda: len(kept.readings) == 30)
        with path.open("r+", encoding="utf-8") as file:
            file.truncate()
            file.write(TITLES + lines(31, 90 if longer else 32))
        await until(lambda: numbers(kept)[30:] == list(range(31, 91 if longer else 33)))


async def test_a_folder_of_files_is_read_oldest_first_each_once(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.csv").write_text(TITLES + lines(number * 10, number * 10 + 4), encoding="utf-8")
    (folder / "readme.txt").write_text("not for us\n")
    async with hearing(tmp_path, meter(folder, match="*.csv")) as kept:
        await until(lambda: len(kept.readings) == 15)
        (folder / "0.csv").rename(folder / "0.csv.done")
        (folder / "1.csv").unlink()
        (folder / "3.csv").write_text(TITLES + lines(30, 34), encoding="utf-8")
        await until(lambda: len(kept.readings) == 20)
        await asyncio.sleep(0.15)
    assert numbers(kept) == [n * 10 + k for n in range(4) for k in range(5)]


async def test_a_missing_file_is_trouble_until_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    async with hearing(tmp_path, meter(path)) as kept:
        await until(lambda: kept.reasons == ["silent"])
        path.write_text(TITLES + lines(1, 2), encoding="utf-8")
        await until(lambda: kept.reasons == ["silent", None])
        assert numbers(kept) == [1, 2]


async def test_lines_that_are_none_spoil_no_other(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    bad = 'a,b,c\n2026-01-01,"x\n,\n\0\0\0\n1970-01-01T00:00:00,5\n' + line(2).replace("1002", "")
    path.write_text(TITLES + line(1) + bad + line(3), encoding="utf-8")
    add(path, "x" * 200_000 + line(4) + line(5))
    async with hearing(tmp_path, meter(path)) as kept:
        await until(lambda: numbers(kept)[-1:] == [5])
        assert numbers(kept) == [1, 3, 5]


async def test_chinese_exports_and_json_lines_are_read_as_told(tmp_path: Path) -> None:
    path = tmp_path / "导出.txt"
    path.write_bytes("时间;电量(kWh)\r\n2025/05/01 08:00:00;12.5\r\n2025/05/01 08:15:00;\r\n".encode("gbk"))
    stamp = {"from": "时间", "form": "%Y/%m/%d %H:%M:%S", "timezone": "Asia/Shanghai"}
    wire = meter(path, encoding="gbk", separator=";", time=stamp, readings={"energy": "电量(kWh)"})
    async with hearing(tmp_path, wire) as kept:
        await until(lambda: kept.readings)
        await asyncio.sleep(0.2)
    assert not kept.troubles, "an empty cell is a missing value"
    assert [(each.value, to_datetime(each.time).isoformat()) for each in kept.readings] == [
        (12.5, "2025-05-01T00:00:00+00:00")
    ]
    path = tmp_path / "meals.jsonl"
    at = now() // 1000
    path.write_text("".join(json.dumps({"no": n, "at": at, "w": "L", "fen": 850}) + "\n" for n in range(3)) + "{\n")
    event = {"type": "meal", "window": {"from": "w", "values": {"L": "lunch"}}, "price": {"value": "8.50"}}
    told = {"path": str(path), "format": "json", "id": "no", "time": {"from": "at", "form": "ms"}, "event": event}
    async with hearing(tmp_path, wired("c-1", "canteen_terminal", "file", told, 0.05)) as kept:
        await until(lambda: len(kept.events) == 3)
        assert not kept.reasons
        while kept.reasons != ["not_understood"]:
            add(path, "{\n")
            await asyncio.sleep(0.06)
        add(path, json.dumps({"no": 3, "at": at, "w": "L"}) + "\n")
        await until(lambda: kept.reasons == ["not_understood", None])
    assert kept.ids == ["0", "1", "2", "3"]


async def test_whatever_becomes_of_the_file_and_of_us_each_line_comes_and_no_other(tmp_path: Path) -> None:
    """Chunks cut anywhere, rotations and restarts at random, from a seed."""
    chance = random.Random(7)
    folder = tmp_path / "spool"
    folder.mkdir()
    path = folder / "log.csv"
    seen: set[int] = set()
    written, waiting = 0, TITLES
    rotated = 0
    for _ in range(12):
        async with hearing(tmp_path, meter(folder, match="log.csv*")) as kept:
            for _ in range(6):
                while len(waiting) < 200:
                    written += 1
                    waiting += line(written)
                cut = chance.randrange(1, 150)
                add(path, waiting[:cut])
                waiting = waiting[cut:]
                if chance.random() < 0.2:
                    end = waiting.index("\n") + 1
                    add(path, waiting[:end])
                    rotated += 1
                    path.rename(folder / f"log.csv.{rotated}")
                    waiting = TITLES + waiting[end:]
                    path.touch()
                await asyncio.sleep(chance.random() * 0.03)
            seen |= set(numbers(kept))
    add(path, waiting)
    async with hearing(tmp_path, meter(folder, match="log.csv*")) as kept:
        await until(lambda: written in numbers(kept))
        seen |= set(numbers(kept))
    assert seen == set(range(1, written + 1))
    assert rotated > 3


async def test_a_copied_file_under_the_same_name_is_another(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(TITLES + lines(1, 2), encoding="utf-8")
    async with hearing(tmp_path, meter(path)) as kept:
        await until(lambda: len(kept.readings) == 2)
        shutil.copy(path, tmp_path / "new")
        add(tmp_path / "new", line(3))
        (tmp_path / "new").replace(path)
        await until(lambda: 3 in numbers(kept))


def test_a_section_that_is_wrong_is_told() -> None:
    good = {"path": Path("x"), "readings": {"energy": "kwh"}}
    for more, says in (
        ({"encoding": "utf-16"}, "save the files as UTF-8"),
        ({"encoding": "klingon"}, "no encoding 'klingon'"),
        ({"separator": ", "}, "one character"),
        ({"readings": {}}, "nothing is mapped"),
        ({"event": {"type": "meel"}}, "did you mean 'meal'"),
        ({"event": {"type": "meal", "price": "p"}}, "a meal needs window as well"),
        ({"event": {"type": "meal", "price": "p", "window": "w"}}, "events need an id"),
        ({"event": {"type": "meal", "price": "p", "window": "w", "diner": "d"}, "id": "n"}, "set pepper"),
        ({"event": {"type": "meal", "prize": "p"}}, "did you mean 'price'"),
    ):
        with pytest.raises((Wrong, ValueError), match=says):
            Section(**good | more)  # type: ignore[arg-type]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            {"path": "x", "readings": {"energy": "kwh"}, "columns": 1}, Section, dec_hook=lambda _, x: Path(x)
        )


def test_a_file_written_anew_while_it_is_read_loses_no_line(tmp_path: Path) -> None:
    """At any moment of the reading, again and again: what came in its place is read from its beginning."""
    path = tmp_path / "log.csv"
    path.write_text("")
    about = path.stat()
    name = f"{about.st_dev}:{about.st_ino}"
    heard: list[set[bytes]] = [set()]
    going = threading.Event()

    def read() -> None:
        stand = _Stand()
        while not going.is_set():
            while piece := _piece(path, name, stand):
                stand = piece.stand
                heard[0].update(piece.lines.splitlines())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(150):
            wanted = {f"{turn} {number} {'x' * 20}".encode() for number in range(20 + turn)}
            with path.open("r+b") as file:
                file.truncate()
                file.write(b"".join(line + b"\n" for line in sorted(wanted)))
            deadline = time.monotonic() + 20
            while not wanted <= heard[0]:
                assert time.monotonic() < deadline, f"turn {turn}: {len(wanted - heard[0])} lines are lost"
                time.sleep(0.0002)
    finally:
        going.set()
        reader.join()
