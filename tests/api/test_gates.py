"""Gates: permits kept as hashes, decisions in a blink, single use spent once, lists fetched when they changed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest

from access.credential import keyed_hash
from access.permit import Permit
from schema.event import Pass
from schema.instant import DAY, HOUR, MINUTE, to_datetime
from store.registry.events import StoredEvent, record
from tests.api.stage import NOW, PEPPER, Stage, problem

SITE = "/api/v1/sites/demo"
CARD = "04 A2 5F"
HASH = keyed_hash(PEPPER, CARD)


def give(stage: Stage, **more: Any) -> dict[str, Any]:
    body = {"credential": CARD, "subject": "visitor", "gates": ["gate-1"], **more}
    answer = stage.client("operator").post(f"{SITE}/permits", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ask(client: httpx.Client, direction: str = "in", at: int = NOW, gate: str = "gate-1") -> httpx.Response:
    body = {"credential": HASH, "direction": direction, "time": to_datetime(at).isoformat()}
    return client.post(f"{SITE}/gates/{gate}/decisions", json=body)


def test_decision(own_stage: Stage) -> None:
    """Unknown before, granted with the permit, not at another gate, and never kept from leaving."""
    agent = own_stage.client("gate")
    assert ask(agent).json() == {"granted": False, "reason": "unknown", "decided_by": "platform", "valid_for": 10.0}
    give(own_stage)
    assert ask(agent).json() == {"granted": True, "reason": "ok", "decided_by": "platform", "valid_for": 10.0}
    own_stage.client("operator").patch(f"{SITE}/permits/{_only(own_stage).id}", json={"gates": ["gate-2"]})
    assert ask(agent).json()["reason"] == "wrong_zone"
    assert ask(agent, "out").json()["granted"]


def test_credential_is_kept_as_a_keyed_hash_only(own_stage: Stage) -> None:
    given = give(own_stage)
    shown = own_stage.client("operator").get(f"{SITE}/permits/{given['id']}")
    assert HASH not in shown.text
    with own_stage.context.registry.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM permit").all()
    assert HASH in row
    assert CARD not in row


def test_single_use_is_spent_once_by_two_gates_at_a_time(own_stage: Stage) -> None:
    """Eight gates ask at once for a permit of three entries: three open."""
    given = give(own_stage, max_uses=3)
    agent = own_stage.client("gate")
    with ThreadPoolExecutor(8) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: ask(agent), range(8))]
    assert sorted(answer["reason"] for answer in answers) == ["already_used"] * 5 + ["ok"] * 3
    assert sum(answer["granted"] for answer in answers) == 3
    assert own_stage.client("operator").get(f"{SITE}/permits/{given['id']}").json()["uses"] == 3


@pytest.mark.parametrize(("rule", "granted"), [("off", True), ("soft", True), ("hard", False)])
def test_anti_passback_of_the_zone(own_stage: Stage, rule: str, granted: bool) -> None:
    """Who is inside by the gates' own events and comes in again is judged by the zone's rule; the rule forgets."""
    give(own_stage)
    agent = own_stage.client("gate")
    own_stage.client("operator").put(f"{SITE}/zones/b1", json={"anti_passback": rule, "reset_hours": 2})
    passage = Pass(
        id="x-1",
        time=NOW - HOUR,
        direction="in",
        granted=True,
        passed=True,
        reason="ok",
        decided_by="controller",
        credential=HASH,
    )
    with own_stage.context.registry.writing() as session:
        record(session, [StoredEvent("demo", "gate-1", passage)], NOW)
    answer = ask(agent).json()
    assert answer["granted"] is granted
    assert answer["reason"] == ("ok" if rule == "off" else "anti_passback")
    own_stage.clock[0] = NOW + 2 * HOUR
    assert ask(agent, at=NOW + 2 * HOUR).json()["reason"] == "ok"


def test_list_comes_once_for_every_change(own_stage: Stage) -> None:
    """A gate's copy reads as access.permit.Permit; unchanged it is not sent again; a revocation changes it."""
    given = give(own_stage, schedule=[{"days": [0, 1], "begin": 480, "end": 1080}], valid_to="2026-06-01")
    agent = own_stage.client("gate")
    first = agent.get(f"{SITE}/permits")
    (permit,) = msgspec.json.decode(msgspec.json.encode(first.json()["permits"]), type=list[Permit])
    assert (permit.credential, permit.standing, permit.valid_from) == (HASH, "active", NOW)
    tag = first.headers["etag"]
    assert agent.get(f"{SITE}/permits", headers={"If-None-Match": tag}).status_code == 304
    # Also where the platform's clock went back meanwhile.
    own_stage.clock[0] = NOW - DAY
    own_stage.client("operator").delete(f"{SITE}/permits/{given['id']}")
    second = agent.get(f"{SITE}/permits", headers={"If-None-Match": tag})
    assert second.json()["permits"][0]["standing"] == "revoked"
    own_stage.clock[0] = NOW
    assert ask(agent).json()["reason"] == "revoked"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"valid_to": "2020-01-01"}, "valid_to: must be after"),
        ({"valid_to": "someday"}, "valid_to: 'someday'"),
        ({"schedule": [{"days": [7]}]}, "schedule.0.days"),
        ({"schedule": [{"days": [1], "begin": 600, "end": 600}]}, "schedule: hours begin before they end"),
        ({"gates": ["Gate 1"]}, "gates.0"),
        ({"max_uses": 0}, "max_uses"),
        ({"subject": "ghost"}, "subject"),
    ],
)
def test_bad_permits_are_explained(stage: Stage, body: dict[str, Any], why: str) -> None:
    whole = {"credential": "bad", "subject": "staff", **body}
    assert why in problem(stage.client("operator").post(f"{SITE}/permits", json=whole), 422)


def test_one_permit_a_credential(own_stage: Stage) -> None:
    given = give(own_stage)
    again = own_stage.client("operator").post(f"{SITE}/permits", json={"credential": "04 a2 5f", "subject": "staff"})
    assert given["id"] in problem(again, 409)
    problem(own_stage.client("operator").get(f"{SITE}/permits/none"), 404)


def test_what_a_gate_agent_gets_wrong(stage: Stage) -> None:
    agent = stage.client("gate")
    assert "600 s off" in problem(ask(agent, at=NOW + 10 * MINUTE), 422)
    problem(ask(agent, gate="main-1"), 404)
    problem(agent.get("/api/v1/sites/other/permits"), 404)
    raw = {"credential": CARD, "direction": "in", "time": "2026-05-04T12:00:00+08:00"}
    assert "credential" in problem(agent.post(f"{SITE}/gates/gate-1/decisions", json=raw), 422)


def _only(stage: Stage) -> Permit:
    listed = stage.client("gate").get(f"{SITE}/permits").json()["permits"]
    (permit,) = msgspec.convert(listed, list[Permit])
    return permit
