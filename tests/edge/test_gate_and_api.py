"""The gate and the real API agree: what is decided online is decided the same when the API is gone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from access.decision import Zone
from api.app import create_app
from edge.agent import Agent
from edge.gate import Gate
from edge.settings import AgentSettings, Device, GateSettings
from schema.text import Text
from tests.api.stage import NOW, PEPPER, TOKENS, Stage, opened, served, stores

pytestmark = pytest.mark.anyio
CARDS: dict[str, dict[str, object]] = {
    "staff": {"subject": "staff", "gates": ["gate-1"]},
    "zone": {"subject": "staff", "zones": ["b1"]},
    "elsewhere": {"subject": "vehicle", "gates": ["gate-2"]},
    "monday": {"subject": "staff", "gates": ["gate-1"], "schedule": [{"days": [0], "begin": 600, "end": 780}]},
    "sunday": {"subject": "staff", "gates": ["gate-1"], "schedule": [{"days": [6]}]},
    "expired": {"subject": "visitor", "gates": ["gate-1"], "valid_from": "2026-01-01", "valid_to": "2026-02-01"},
    "revoked": {"subject": "visitor", "gates": ["gate-1"], "standing": "revoked"},
}


@contextmanager
def shown(folder: Path) -> Iterator[Stage]:
    (folder / "empty").mkdir()
    with stores(folder / "empty", [NOW]) as context:
        app = create_app(context)
        with served(app) as base, opened(folder, app, base) as stage:
            yield stage


async def goes_through() -> bool:
    return True


async def reasons(gate: Gate, by: str) -> dict[str, tuple[bool, str]]:
    """What each card is told on the way in; nobody is refused on the way out."""
    found = {}
    for card in (*CARDS, "stranger"):
        verdict = await gate.show(card, "in", goes_through)
        assert verdict.decided_by == by
        found[card] = (verdict.granted, verdict.reason)
        assert (await gate.show(card, "out", goes_through)).granted
    return found


def permit_all(stage: Stage) -> None:
    operator = stage.client("operator")
    for card, body in CARDS.items():
        answer = operator.post("/api/v1/sites/demo/permits", json={"credential": card, **body})
        assert answer.status_code == 201, answer.text


async def test_both_decide_the_same(tmp_path: Path) -> None:
    device = Device(id="gate-1", kind="gate", building="b1", title=Text("门", "Gate"))
    settings = AgentSettings(id="agent-1", site="demo", broker="mqtt://127.0.0.1:1", outbox=tmp_path / "outbox.db")
    with shown(tmp_path) as stage:
        permit_all(stage)
        told = GateSettings(
            device=device,
            zone=Zone(id="b1"),
            api=stage.base,
            token=TOKENS["gate"],
            pepper=PEPPER,
            path=tmp_path / "gate.db",
            budget=5.0,
        )
        async with (
            Agent(settings, lambda: NOW, os.urandom) as agent,
            Gate(told, "demo", agent, lambda: NOW, os.urandom) as gate,
        ):
            agent.born(device)
            await gate.fetch()
            online = await reasons(gate, "platform")
    async with (
        Agent(settings, lambda: NOW, os.urandom) as agent,
        Gate(told, "demo", agent, lambda: NOW, os.urandom) as gate,
    ):
        agent.born(device)
        offline = await reasons(gate, "controller")
    assert offline == online
    assert online == {
        "staff": (True, "ok"),
        "zone": (True, "ok"),
        "elsewhere": (False, "wrong_zone"),
        "monday": (True, "ok"),
        "sunday": (False, "out_of_schedule"),
        "expired": (False, "expired"),
        "revoked": (False, "revoked"),
        "stranger": (False, "unknown"),
    }
