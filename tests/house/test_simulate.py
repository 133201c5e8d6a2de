"""`dayuan simulate --out`: files from a seed, the same again, without any broker."""

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dayuan.cli import app
from schema.event import Pass

FILES = ("readings.csv", "events.jsonl", "devices.jsonl", "labels.jsonl")


def simulated(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["simulate", "--out", str(folder), "--from", "2026-03-02", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    asked = ("--days", "3", "--fault", "left_on:canteen-elec@2026-03-03T19:00+11h=40", "--faults", "spike")
    for name in ("first", "again"):
        assert "and 2 faults in" in simulated(tmp_path / name, *asked).replace("\n", " ")
    for name in FILES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    simulated(tmp_path / "other", *asked, "--seed", "8")
    assert (tmp_path / "first" / "readings.csv").read_bytes() != (tmp_path / "other" / "readings.csv").read_bytes()


def test_files_say_what_was_read_by_whom_and_what_is_wrong_in_it(tmp_path: Path) -> None:
    simulated(tmp_path, "--days", "1", "--fault", "silent:weather@2026-03-02T06:00+6h")
    with (tmp_path / "readings.csv").open() as file:
        rows = list(csv.DictReader(file))
    devices = [json.loads(line) for line in (tmp_path / "devices.jsonl").read_text().splitlines()]
    assert {row["device"] for row in rows} == {device["id"] for device in devices}
    assert {device["parent"] for device in devices} == {None, "main-elec", "main-water", "main-heat", "grounds-elec"}
    [label] = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    spoken = [row["time"] for row in rows if (row["device"], row["point"]) == ("weather", "temperature")]
    assert len(spoken) == 4 * (24 - 6)
    assert not [time for time in spoken if label["begin"] <= time < label["end"]]
    assert spoken[0] == "2026-03-02T00:00:00+08:00"
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    passes = [one["event"] for one in map(json.loads, lines) if one["event"]["type"] == Pass.__struct_config__.tag]
    assert len(passes) > 1000
    day = datetime.fromisoformat("2026-03-02T00:00:00+08:00").timestamp() * 1e6
    assert all(day <= one["time"] < day + 86_400e6 for one in passes)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--out", "{folder}", "--from", "March"), "write it like 2025-11-01"),
        (("--out", "{folder}", "--fault", "leak"), "should read like"),
        (("--out", "{folder}", "--faults", "leek"), "there is no fault 'leek'"),
        (("--out", "{folder}", "--from", "0001-01-01"), "from 1971 to 2100"),
        (("--out", "{folder}", "--days", "0"), "a day at least"),
        (("--out", "{folder}", "--step", "700"), "goes into 900 s"),
        (("--out", "{file}", "--days", "1"), "cannot write into"),
        (("--from", "2026-03-02"), "--from is for --out"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    (tmp_path / "file").write_text("")
    told = [word.format(folder=tmp_path / "new", file=tmp_path / "file") for word in arguments]
    result = CliRunner().invoke(app, ["simulate", *told])
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert "Traceback" not in result.output
