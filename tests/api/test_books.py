"""How the books came about, by API: declared changes, the journal, an interval down to its readings, dead letters."""

from typing import Any

import pytest
from sqlalchemy import select

from analytics.books import bookkeeper
from analytics.calendar import Calendar
from api.context import Context
from schema.batch import Batch
from schema.instant import DAY, HOUR, MINUTE
from store.registry import deadletters, worklist
from store.registry.people import Audit
from store.registry.places import Device
from tests.api.stage import MIDNIGHT, NOW, Stage, problem, readings

SITE = "/api/v1/sites/demo"
METER = f"{SITE}/devices/floor-1"
DAY_BEFORE = MIDNIGHT - DAY


@pytest.fixture
def books(own_stage: Stage) -> Stage:
    """A sub-meter that counted 0.5 kWh a quarter hour since yesterday, and was exchanged unnoticed at 06:05."""
    context = own_stage.context
    with context.registry.reading() as session:
        key = session.get_one(Device, ("demo", "floor-1")).series("energy")
    values = [500.0 + at / 2 for at in range(25)] + [20.0 + at / 2 for at in range(24)]
    feed(context, readings(key, DAY_BEFORE, 15 * MINUTE, values))
    return own_stage


def feed(context: Context, batch: Batch) -> None:
    replaced = context.store.write(batch)
    with context.registry.writing() as session:
        for note, found in ((worklist.add, batch), (worklist.correct, replaced)):
            if len(found):
                note(session, [(found.keys[0], int(found.time.min()), int(found.time.max()))])
    settle(context)


def settle(context: Context) -> None:
    with context.registry.writing() as session:
        work = worklist.take(session)
    calendars = {"demo": Calendar("Asia/Shanghai")}
    bookkeeper.settle(context.store, context.registry, work, calendars, NOW)
    with context.registry.writing() as session:
        worklist.done(session)


def interval(stage: Stage, at: str) -> dict[str, Any]:
    answer = stage.client("viewer").get(f"{METER}/points/energy/intervals/{at}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_exchange_is_declared_settled_journalled_and_withdrawn(books: Stage) -> None:
    before = interval(books, "2026-05-03T06:05")
    assert (before["value"], before["quality"], before["rule"]["name"]) == (0.0, "estimated", "reset")

    operator = books.client("operator")
    body = {"type": "exchange", "time": "2026-05-03T06:05", "closing": 512.25, "opening": 19.75, "note": "Form 17"}
    declared = operator.post(f"{METER}/register-changes", json=body)
    assert declared.status_code == 201, declared.text
    assert declared.json()["settled"] is None
    settle(books.context)

    after = interval(books, "2026-05-03T06:05")
    assert (after["value"], after["quality"], after["rule"]) == (0.5, "measured", None)
    assert [(change["closing"], change["opening"]) for change in after["changes"]] == [(512.25, 19.75)]
    assert [piece["amount"] for piece in after["pieces"]] == [0.25, 0.25]
    assert [reading["value"] for reading in after["readings"]] == [512.0, 20.0]
    [listed] = operator.get(f"{METER}/register-changes").json()
    assert (listed["declared_by"], listed["note"], listed["settled"]) == (
        "token:operator",
        "Form 17",
        listed["declared"],
    )

    [entry] = books.client("viewer").get(f"{SITE}/journal").json()
    assert (entry["cause"], entry["intervals"], entry["begin"]) == ("declaration", 1, "2026-05-03T06:00:00+08:00")
    assert (entry["old"]["value"], entry["old"]["quality"], entry["old"]["rule"]["name"]) == (0.0, "estimated", "reset")
    assert entry["new"] == {"value": 0.5, "quality": "measured", "rule": None}

    assert operator.delete(f"{METER}/register-changes/{listed['id']}").json()["withdrawn_by"] == "token:operator"
    settle(books.context)
    assert interval(books, "2026-05-03T06:05") == before
    assert len(books.client("viewer").get(f"{SITE}/journal").json()) == 2
    assert "already withdrawn" in problem(operator.delete(f"{METER}/register-changes/{listed['id']}"), 422)
    with books.context.registry.reading() as session:
        actions = session.scalars(select(Audit.action)).all()
    assert {"exchange declared", "register change withdrawn"} <= set(actions)


def test_a_change_that_makes_no_sense_is_refused(books: Stage) -> None:
    operator = books.client("operator")
    for body, reason in (
        ({"type": "exchange", "time": "2026-05-03", "closing": 5.0}, "incomplete"),
        ({"type": "ratio", "time": "2026-05-03"}, "incomplete"),
        ({"type": "ratio", "time": "2026-05-03", "factor": 0}, "implausible"),
        ({"type": "reset", "time": "2099-01-01"}, "time_ahead"),
        ({"type": "reset", "time": "2026-05-03", "point": "power"}, "no counter"),
    ):
        assert reason in problem(operator.post(f"{METER}/register-changes", json=body), 422)
    assert operator.post(f"{METER}/register-changes", json={"type": "reset", "time": "2026-05-03"}).status_code == 201
    again = operator.post(f"{METER}/register-changes", json={"type": "reset", "time": "2026-05-03"})
    assert "already declared" in problem(again, 422)
    exchange = {"type": "exchange", "time": "2026-05-03T06:05", "closing": 512.25, "opening": 19.75}
    declared = operator.post(f"{METER}/register-changes", json=exchange).json()
    twice = operator.post(f"{METER}/register-changes", json=exchange | {"time": "2026-05-03T06:06"})
    assert f"as {declared['id']}: withdraw that first" in problem(twice, 422)
    operator.delete(f"{METER}/register-changes/{declared['id']}")
    mended = operator.post(f"{METER}/register-changes", json=exchange | {"time": "2026-05-03T06:06"})
    assert mended.status_code == 201
    assert problem(books.client("viewer").post(f"{METER}/register-changes", json={}), 403)


def test_corrected_readings_are_journalled_and_growth_is_not(books: Stage) -> None:
    viewer = books.client("viewer")
    with books.context.registry.reading() as session:
        key = session.get_one(Device, ("demo", "floor-1")).series("energy")
    feed(books.context, readings(key, DAY_BEFORE + 12 * HOUR + 5 * MINUTE, 5 * MINUTE, [32.0, 32.5, 33.0]))
    assert viewer.get(f"{SITE}/journal").json() == []
    feed(books.context, readings(key, DAY_BEFORE + 15 * MINUTE, MINUTE, [500.75]))
    [entry] = viewer.get(f"{SITE}/journal", params={"device": "floor-1", "from": "2026-05-03"}).json()
    assert (entry["cause"], entry["intervals"]) == ("corrected", 2)
    assert (entry["begin"], entry["cause_from"]) == ("2026-05-03T00:00:00+08:00", "2026-05-03T00:15:00+08:00")
    assert viewer.get(f"{SITE}/journal", params={"before": entry["id"]}).json() == []
    assert viewer.get(f"{SITE}/journal", params={"device": "main-1"}).json() == []


def test_rules_say_what_they_do_in_two_languages(stage: Stage) -> None:
    found = stage.client("viewer").get("/api/v1/books/rules").json()
    assert {rule["name"] for rule in found} >= {"missing_profile", "reset", "high_limit", "negative_consumption"}
    assert all(rule["text"]["zh"] and rule["text"]["en"] and rule["version"] == 1 for rule in found)


def test_dead_letters_are_asked_for_again_and_discarded(own_stage: Stage) -> None:
    client = own_stage.client("operator")
    shelf = client.get("/api/v1/dead-letters", params={"text": "no json", "site": "demo"}).json()
    [letter] = shelf["letters"]
    ids = {"ids": [letter["id"], 999]}
    assert client.post("/api/v1/dead-letters/replay", json=ids).json() == {"asked": [letter["id"]]}
    assert client.get(f"/api/v1/dead-letters/{letter['id']}").json()["asked"] == "2026-05-04T12:00:00+08:00"
    assert client.post("/api/v1/dead-letters/outcome", json=ids).json() == {"waiting": 1, "refused": 0, "gone": 1}
    with own_stage.context.registry.writing() as session:
        deadletters.refuse(session, letter["id"], "undecodable", "still no JSON")
    assert client.post("/api/v1/dead-letters/outcome", json=ids).json() == {"waiting": 0, "refused": 1, "gone": 1}
    assert client.get(f"/api/v1/dead-letters/{letter['id']}").json()["tried"] == 1
    assert client.post("/api/v1/dead-letters/discard", json=ids).json() == {"discarded": 1}
    assert problem(client.get(f"/api/v1/dead-letters/{letter['id']}"), 404)
    assert problem(own_stage.client("viewer").post("/api/v1/dead-letters/replay", json=ids), 403)


def test_a_day_is_validated_with_the_limits_of_that_day(books: Stage) -> None:
    found = books.client("viewer").get(f"{SITE}/validation", params={"day": "2026-05-03", "device": "floor-1"}).json()
    assert found["limits"]["spike"] == 1.8
    flags = {flag["check"]: flag for flag in found["flags"]}
    assert set(flags) == {"missing", "negative_consumption"}
    assert flags["missing"]["found"] == 0.5
    assert problem(books.client("viewer").get(f"{SITE}/validation", params={"device": "nobody"}), 404)
    assert books.client("viewer").get(f"{SITE}/validation").json()["day"] == "2026-05-03"


def test_means_of_a_gauge_are_weighted_by_time(stage: Stage) -> None:
    client = stage.client("viewer")
    path = f"{SITE}/devices/main-1/points/power/means"
    found = client.get(path, params={"from": "2026-05-04T10:00", "to": "2026-05-04T11:00", "every": "30min"}).json()
    assert found["mean"] == pytest.approx([90.0, 270.0])
    assert found["covered"] == [1.0, 1.0]
    assert "no gauge" in problem(client.get(f"{SITE}/devices/main-1/points/energy/means"), 422)
    assert "less than a minute" in problem(client.get(path, params={"every": "5s"}), 422)
