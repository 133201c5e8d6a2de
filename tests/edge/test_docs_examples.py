"""The configurations in docs/howto-edge.md can be used, and do what is said of them."""

import re
from pathlib import Path

import pytest

from devices import kinds
from edge.drivers.interpreter import Interpreter
from edge.settings import AgentSettings, load
from schema.event import Meal, Pass
from schema.instant import SECOND, now, to_datetime
from tests.edge.drivers.certificates import Authority

PAGE = (Path(__file__).parents[2] / "docs/howto-edge.md").read_text(encoding="utf-8")
HEAD = 'id = "yard-box"\nsite = "demo"\noutbox = "outbox.db"\n'
DEVICE = '[[devices]]\nid = "m-1"\nkind = "electricity_meter"\nbuilding = "main"\ntitle = ["表", "Meter"]\n'
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def loaded(folder: Path, block: str) -> AgentSettings:
    for name in re.findall(r'file = "([^"]+)"', block):
        (folder / name).write_text("YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k\n")
    if "tls = " in block:
        Authority(folder).sign("yard-box")
    text = block if block.startswith("id =") else HEAD + (DEVICE if not block.startswith("[[") else "") + block
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


@pytest.mark.parametrize("block", BLOCKS)
def test_each_can_be_used(tmp_path: Path, block: str) -> None:
    assert loaded(tmp_path, block).devices


def test_the_gate_and_the_canteen_become_events(tmp_path: Path) -> None:
    [gate] = [loaded(tmp_path, block) for block in BLOCKS if "devices.push" in block]
    [canteen] = [loaded(tmp_path, block) for block in BLOCKS if "devices.pull" in block]
    at = now() // SECOND
    record = {
        "eventType": "card",
        "serialNo": 17,
        "openTime": to_datetime((at + 8 * 3600) * SECOND).strftime("%Y-%m-%d %H:%M:%S"),
        "inTotal": 5,
        "outTotal": None,
        "inOut": 2,
        "result": 0,
        "doorOpened": True,
        "cardNo": "04A2",
    }
    [wired] = gate.wired
    made = Interpreter("gate-west", wired.kind, wired.section, now)
    heard = made.hear(made.records({"data": {"list": [record, {"eventType": "heartbeat"}]}}))
    assert not heard.doubts
    reading, event = heard.said
    assert (reading.time, reading[1:]) == (at * SECOND, ("entries", at * SECOND, 5.0, "count"))  # type: ignore[index]
    assert isinstance(event, Pass)
    assert (event.time, event.direction, event.granted, event.passed, event.reason) == (
        *(at * SECOND, "out", True, True, "ok"),
    )
    assert event.id.startswith("17-")
    [wired] = canteen.wired
    row = {"id": 3, "mealTime": at * 1000, "mealType": 2, "amount": 8.5}
    [meal] = Interpreter("canteen-1", kinds()["canteen_terminal"], wired.section, now).hear([row]).said
    assert meal == Meal(id="3", time=at * SECOND, window="lunch", price="8.5")
