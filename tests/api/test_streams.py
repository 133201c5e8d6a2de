"""Whether anything is missing of what agents recorded, asked by page, program and command line."""

import json

import pytest
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from typer.testing import CliRunner

from dayuan.cli import app
from store.registry.migrate import configuration
from store.registry.progress import Received, advance
from tests.api.stage import NOW, Stage


def hear(stage: Stage, agent: str, epoch: str, seqs: list[int], floor: int, at: int) -> None:
    with stage.context.registry.writing() as session:
        advance(session, "demo", {(agent, epoch): Received(seqs, floor)}, at)


@pytest.fixture
def heard(own_stage: Stage) -> Stage:
    """`edge-1` speaks for every device; its disk was replaced once. `edge-2` speaks for none, and gave up three."""
    hear(own_stage, "edge-1", "old", [1, 2, 3, 7, 8], 1, NOW - 60_000_000)
    hear(own_stage, "edge-1", "new", [1, 2, 3, 4], 1, NOW)
    hear(own_stage, "edge-2", "only", [4, 5, 9], 4, NOW)
    return own_stage


def test_a_whole_stream_proves_its_devices_whole_and_a_replaced_disk_is_not_hidden(heard: Stage) -> None:
    client = heard.client("viewer")
    found = client.get("/api/v1/sites/demo/streams").json()
    assert [(each["agent"], each["epoch"]) for each in found] == [
        ("edge-1", "new"),
        ("edge-1", "old"),
        ("edge-2", "only"),
    ]
    living, ended, lossy = found
    assert (living["whole"], living["ended"], living["top"], living["gone"]) == (True, False, 4, 0)
    assert (ended["whole"], ended["ended"], ended["missing"], ended["gone"]) == (False, True, [[4, 6]], 3)
    assert (lossy["missing"], lossy["lost"], lossy["gone"], lossy["whole"]) == ([[6, 8]], 3, 3, False)
    assert living["last_heard"] == "2026-05-04T12:00:00+08:00"
    of_device = client.get("/api/v1/sites/demo/streams", params={"device": "floor-1"}).json()
    assert [each["epoch"] for each in of_device] == ["new", "old"]
    assert client.get("/api/v1/sites/demo/streams", params={"device": "nobody"}).json() == []
    assert client.get("/api/v1/sites/nowhere/streams").status_code == 404


def test_the_command_line_answers_by_its_exit_code_too(heard: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with heard.context.registry.engine.begin() as connection:
        MigrationContext.configure(connection).stamp(ScriptDirectory.from_config(configuration()), "head")
    monkeypatch.setenv("DAYUAN_REGISTRY", str(heard.context.registry.engine.url))
    told = CliRunner().invoke(app, ["streams", "demo", "--json"])
    assert told.exit_code == 1
    assert [(each["agent"], each["whole"], each["gone"]) for each in json.loads(told.stdout)] == [
        ("edge-1", True, 0),
        ("edge-1", False, 3),
        ("edge-2", False, 3),
    ]
    hear(heard, "edge-1", "old", [4, 5, 6], 1, NOW - 30_000_000)
    whole = CliRunner().invoke(app, ["streams", "demo", "--device", "main-1"])
    assert whole.exit_code == 0, whole.output
    assert whole.stdout.count("whole") == 2
    assert CliRunner().invoke(app, ["streams", "demo", "--device", "nobody"]).exit_code == 2
