"""`dayuan detect` and `dayuan score nab` as a person calls them."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dayuan.cli import app

RUN = CliRunner()


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    """Two hundred readings that take turns, and one that does not."""
    file = tmp_path / "readings.csv"
    rows = [f"2014-04-01 {i // 60:02}:{i % 60:02}:00,{i % 3}" for i in range(200)]
    rows[180] = "2014-04-01 03:00:00,50"
    file.write_text("\n".join(["timestamp,value", *rows]) + "\n")
    return file


def table(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def test_every_row_is_written_as_it_was_with_score_and_verdict(readings: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    result = RUN.invoke(app, ["detect", str(readings), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "readings.csv: 200 rows" in result.stderr
    head, *rows = table(out.read_text())
    assert head == ["timestamp", "value", "anomaly_score", "is_anomaly"]
    assert [row[:2] for row in rows] == table(readings.read_text())[1:]
    assert all(0 <= float(row[2]) <= 1 for row in rows)
    assert [i for i, row in enumerate(rows) if row[3] == "1"] == [180]


def test_standard_input_and_standard_output(readings: Path) -> None:
    result = RUN.invoke(app, ["detect", "-"], input=readings.read_bytes())
    assert result.exit_code == 0
    assert len(table(result.stdout)) == 201
    assert result.stdout == RUN.invoke(app, ["detect", str(readings)]).stdout


def test_several_files_go_to_a_folder(readings: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("2014-04-01,1\n")
    refused = RUN.invoke(app, ["detect", str(readings), str(other)])
    assert (refused.exit_code, "--out FOLDER" in refused.stderr) == (2, True)
    result = RUN.invoke(app, ["detect", str(readings), str(other), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["other.csv", "readings.csv"]


def test_a_missing_file_is_told_in_a_line(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["detect", str(tmp_path / "none.csv")])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_score_of_a_folder_is_one_json_object(readings: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nab"
    (folder / "data" / "made").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "data" / "made" / "x.csv").write_text(readings.read_text())
    window = ["2014-04-01 02:55:00.000000", "2014-04-01 03:10:00.000000"]
    (folder / "labels" / "combined_windows.json").write_text(json.dumps({"made/x.csv": [window]}))
    matrix = {"CostMatrix": {"tpWeight": 1.0, "fnWeight": 1.0, "fpWeight": 0.11, "tnWeight": 1.0}}
    (folder / "profiles.json").write_text(json.dumps({"standard": matrix}))
    result = RUN.invoke(app, ["score", "nab", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    ours = found["detectors"]["dayuan"]["profiles"]["standard"]
    assert 90 < ours["shipped"] <= ours["optimised"] <= 100
    assert found["detectors"]["null"]["profiles"]["standard"]["optimised"] == 0
