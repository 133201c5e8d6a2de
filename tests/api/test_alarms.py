"""Findings and alarms over the API: listed, acknowledged, shelved, with their history."""

from typing import Any

import pytest

from analytics.alarms import apply
from schema.finding import Finding
from schema.instant import HOUR, MINUTE
from schema.text import Text
from tests.api.stage import NOW, POWER, Stage, problem

SITE = "/api/v1/sites/demo"


@pytest.fixture
def alarm(own_stage: Stage) -> int:
    """The id of an open alarm of meter main-1."""
    finding = Finding(
        series=POWER,
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
        reason=Text("一小时没有读数", "No reading for an hour"),
    )
    with own_stage.context.registry.writing() as session:
        (change,) = apply(session, [finding], NOW)
        return change.alarm.id


def post(stage: Stage, path: str, **body: Any) -> Any:
    return stage.client("operator").post(path, json=body)


def test_finding_carries_its_evidence(own_stage: Stage, alarm: int) -> None:
    (found,) = own_stage.client("viewer").get(f"{SITE}/findings").json()
    assert (found["alarm"], found["device"], found["rule"], found["active"]) == (alarm, "main-1", "silent", True)
    assert (found["observed"], found["expected"], found["low"], found["high"]) == (3600.0, 15.0, 0.0, 60.0)
    assert found["begin"] == "2026-05-04T11:00:00+08:00"
    assert found["reason"] == {"zh": "一小时没有读数", "en": "No reading for an hour"}
    assert own_stage.client("viewer").get(f"{SITE}/findings", params={"device": "main-2"}).json() == []
    assert own_stage.client("viewer").get(f"{SITE}/findings", params={"to": "2026-05-01"}).json() == []


def test_alarm_is_acknowledged_once_with_a_name(own_stage: Stage, alarm: int) -> None:
    """The state changes, the history says who and what, a second time is a conflict."""
    path = f"/api/v1/alarms/{alarm}"
    done = post(own_stage, f"{path}/acknowledge", comment="checked the cable")
    assert (done.json()["state"], done.json()["acknowledged_by"]) == ("acknowledged", "token:operator")
    history = own_stage.client("viewer").get(path).json()["history"]
    assert [(step["signal"], step["who"], step["comment"]) for step in history] == [
        ("raise", "", ""),
        ("acknowledge", "token:operator", "checked the cable"),
    ]
    assert "already_acknowledged" in problem(post(own_stage, f"{path}/acknowledge"), 409)


def test_alarm_states_are_told_apart(own_stage: Stage, alarm: int) -> None:
    def listed(state: str) -> list[int]:
        answer = own_stage.client("viewer").get(f"{SITE}/alarms", params={"state": state})
        return [row["alarm"] for row in answer.json()]

    assert [listed(state) for state in ("open", "unacknowledged", "acknowledged", "shelved", "closed")] == [
        [alarm],
        [alarm],
        [],
        [],
        [],
    ]
    shelved = post(own_stage, f"/api/v1/alarms/{alarm}/shelve", until="2026-05-04T14:00", comment="works")
    assert shelved.json()["shelved_until"] == "2026-05-04T14:00:00+08:00"
    assert listed("shelved") == [alarm]
    assert "come" in problem(post(own_stage, f"/api/v1/alarms/{alarm}/shelve", until="2026-05-04T09:00"), 409)
    assert post(own_stage, f"/api/v1/alarms/{alarm}/unshelve").status_code == 200
    assert listed("shelved") == []
    problem(own_stage.client("viewer").get(f"{SITE}/alarms", params={"state": "loud"}), 422)


def test_unknown_alarm(own_stage: Stage) -> None:
    problem(own_stage.client("viewer").get("/api/v1/alarms/77"), 404)
    problem(post(own_stage, "/api/v1/alarms/77/acknowledge"), 404)
    problem(own_stage.client("viewer").get("/api/v1/alarms/first"), 422)


def test_open_alarms_are_counted(own_stage: Stage, alarm: int) -> None:
    assert alarm
    text = own_stage.client("viewer").get("/metrics").text
    assert 'dayuan_open_alarms{priority="medium"} 1' in text.splitlines()
