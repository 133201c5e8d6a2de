"""Who is limited to one compound neither sees nor changes another: every route, by token and by account."""

import re
from collections.abc import Callable

import httpx
import pytest

from analytics.alarms.lifecycle import apply
from api.auth import digest
from api.passwords import hashed
from schema.finding import Finding
from schema.instant import HOUR, MINUTE
from schema.text import Text
from store.registry.alarms import Alarm
from store.registry.deadletters import DeadLetter
from store.registry.people import ApiToken, User
from tests.api.stage import NOW, POWER, Stage, problem

PASSWORD = "a calm instrument 42"
OTHERS = {"site": "other", "device": "main-1", "gate": "g", "zone": "z", "point": "power", "at": "2026-05-04"}


def token_of(stage: Stage) -> httpx.Client:
    """A machine of the site `demo`."""
    with stage.context.registry.writing() as session:
        row = ApiToken(name="bound", digest=digest("bound"), role="operator", site="demo", created=NOW, expires=None)
        session.add(row)
    client = stage.client()
    client.headers["Authorization"] = "Bearer bound"
    return client


def account_of(stage: Stage) -> httpx.Client:
    """A person of the site `demo`, signed in."""
    with stage.context.registry.writing() as session:
        session.add(
            User(
                name="bound",
                role="operator",
                site="demo",
                password_hash=hashed(PASSWORD),
                must_change=False,
                active=True,
                created=NOW,
            )
        )
    client = stage.client()
    client.headers["X-Dayuan"] = "1"
    assert client.post("/api/v1/auth/sign-in", json={"name": "bound", "password": PASSWORD}).status_code == 200
    return client


@pytest.fixture
def foreign(own_stage: Stage) -> tuple[int, int]:
    """An alarm and a dead letter of the site `other`."""
    finding = Finding(
        series=POWER._replace(site="other"),
        rule="silent",
        begin=NOW - HOUR,
        end=NOW - MINUTE,
        observed=3600.0,
        expected=15.0,
        low=0.0,
        high=60.0,
        unit="s",
        severity="warning",
        confidence=0.9,
        reason=Text("别处的秘密", "a secret of elsewhere"),
    )
    with own_stage.context.registry.writing() as session:
        (change,) = apply(session, [finding], NOW)
        letter = DeadLetter(
            received=NOW,
            topic="dayuan/other/b1/meter/x/readings",
            site="other",
            device="x",
            reason="bad_value",
            detail="a secret of elsewhere",
            payload=b"[]",
            size=2,
        )
        session.add(letter)
        session.flush()
        return change.alarm.id, letter.id


@pytest.mark.parametrize("bound", [token_of, account_of])
def test_no_route_tells_or_changes_anything_of_another_site(
    own_stage: Stage, foreign: tuple[int, int], bound: Callable[[Stage], httpx.Client]
) -> None:
    alarm, letter = foreign
    client = bound(own_stage)
    named = OTHERS | {"alarm": str(alarm), "letter": str(letter), "permit": "p", "change": "1", "token": "1"}
    body = {"comment": "seen", "verdict": "true", "until": "2026-05-05T08:00", "ids": [letter], "rules": {}}
    for path, methods in own_stage.app.openapi()["paths"].items():
        if path == "/api/v1/live":
            continue
        filled = re.sub(r"\{(\w+)\}", lambda name: named.get(name[1], "x"), path)
        for method in methods:
            if path.startswith("/api/v1/auth"):
                continue
            answer = client.request(method, filled, json=None if method == "get" else body)
            assert "elsewhere" not in answer.text, (method, path)
            if "{site}" in path or "{alarm}" in path or "{letter}" in path:
                assert answer.status_code in (403, 404, 422), (method, path, answer.status_code)
    assert [site["id"] for site in client.get("/api/v1/sites").json()] == ["demo"]
    problem(client.get("/api/v1/live", params={"site": "other"}), 404)
    shelf = client.get("/api/v1/dead-letters").json()
    assert {found["site"] for found in shelf["letters"]} == {"demo"}
    assert "bad_value" not in shelf["counts"]
    problem(client.get("/metrics"), 403)
    assert client.post("/api/v1/dead-letters/discard", json={"ids": [letter]}).json() == {"discarded": 0}
    with own_stage.context.registry.reading() as session:
        assert session.get_one(Alarm, alarm).phase == "unacknowledged"
        assert session.get(DeadLetter, letter) is not None


def test_an_account_is_bound_and_freed_by_an_administrator(own_stage: Stage) -> None:
    admin = own_stage.client("admin")
    made = admin.post("/api/v1/users", json={"name": "duty", "role": "operator", "site": "demo"}).json()
    assert made["site"] == "demo"
    problem(admin.post("/api/v1/users", json={"name": "x1", "role": "operator", "site": "nowhere"}), 404)
    problem(admin.post("/api/v1/users", json={"name": "x2", "role": "admin", "site": "demo"}), 422)
    problem(admin.patch("/api/v1/users/duty", json={"role": "admin"}), 422)
    assert admin.patch("/api/v1/users/duty", json={"active": True}).json()["site"] == "demo", "not named, not changed"
    assert admin.patch("/api/v1/users/duty", json={"site": None}).json()["site"] is None
    trail = [row["detail"] for row in admin.get("/api/v1/audit").json() if row["subject"] == "duty"]
    assert trail[-1] == "operator demo"
    assert '{"site":null}' in trail


def test_a_roster_names_channels_that_are_set(own_stage: Stage) -> None:
    """Where this service knows the channels: a wrong name would silence whoever is meant."""
    shift = {"tier": 1, "channel": "chief"}
    object.__setattr__(own_stage.context, "channels", frozenset({"duty", "night"}))
    refused = own_stage.client("admin").put("/api/v1/sites/demo/roster", json=[shift])
    assert "chief; alarms.channels names duty, night" in problem(refused, 422)
    assert own_stage.client("admin").put("/api/v1/sites/demo/roster", json=[shift | {"channel": "duty"}]).is_success


@pytest.mark.usefixtures("foreign")
def test_performance_is_told_with_its_targets(own_stage: Stage) -> None:
    own_stage.clock[0] += MINUTE
    found = own_stage.client("viewer").get("/api/v1/sites/other/alarms/performance").json()
    assert (found["raised"], found["peak_10_min"], found["priorities"]) == (1, 1, {"medium": 1})
    assert found["worst"] == []
    assert (found["per_10_min_target"], found["flooded_target"], found["standing_target"]) == (1.0, 0.01, 5)
    demo = own_stage.client("viewer").get("/api/v1/sites/demo/alarms/performance", params={"from": "2026-05-01"}).json()
    assert (demo["raised"], demo["top_share"]) == (0, None)
