"""Findings and alarms over the API: listed, acknowledged, shelved, with their history."""

from typing import Any

import pytest

from analytics.alarms.ack_link import AckLinks
from analytics.alarms.lifecycle import apply
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
    assert "come" in problem(
        post(own_stage, f"/api/v1/alarms/{alarm}/shelve", until="2026-05-04T09:00", comment="works"), 409
    )
    problem(post(own_stage, f"/api/v1/alarms/{alarm}/shelve", until="2026-05-04T14:00", comment=" "), 422)
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


def test_comments_verdicts_and_many_at_once(own_stage: Stage, alarm: int) -> None:
    path = f"/api/v1/alarms/{alarm}"
    assert post(own_stage, f"{path}/comment", comment="fuse replaced").json()["comment"] == "fuse replaced"
    problem(post(own_stage, f"{path}/comment", comment=" "), 409)
    judged = post(own_stage, f"{path}/judge", verdict="false", cause="planned").json()
    assert (judged["verdict"], judged["cause"]) == ("false", "planned")
    problem(post(own_stage, f"{path}/judge", verdict="perhaps"), 422)
    (treatment,) = own_stage.client("viewer").get(f"{SITE}/alarm-treatments").json()
    assert (treatment["device"], treatment["rule"]) == ("main-1", "silent")
    assert treatment["tolerance"] > 1
    assert own_stage.client("operator").delete(f"{SITE}/alarm-treatments?device=main-1&rule=silent").status_code == 204
    assert own_stage.client("viewer").get(f"{SITE}/alarm-treatments").json() == []
    assert post(own_stage, f"{SITE}/alarms/acknowledge").json() == {"acknowledged": []}, "none has returned"
    assert post(own_stage, f"{SITE}/alarms/acknowledge", alarms=[alarm, 77]).json() == {"acknowledged": [alarm]}
    problem(own_stage.client("viewer").post(f"{SITE}/alarms/acknowledge", json={}), 403)


def test_a_device_out_of_service_is_listed_apart(own_stage: Stage, alarm: int) -> None:
    def listed(state: str) -> list[int]:
        answer = own_stage.client("viewer").get(f"{SITE}/alarms", params={"state": state})
        return [row["alarm"] for row in answer.json()]

    place = f"{SITE}/devices/main-1/out-of-service"
    operator = own_stage.client("operator")
    taken = operator.put(place, json={"until": "2026-05-05T08:00", "comment": "rewired"}).json()
    assert (taken["device"], taken["rule"], taken["until"]) == ("main-1", "", "2026-05-05T08:00:00+08:00")
    assert listed("out_of_service") == [alarm]
    assert len(own_stage.client("viewer").get(f"{SITE}/out-of-service").json()) == 1
    problem(operator.put(place, json={"until": "2026-05-01", "comment": "rewired"}), 409)
    problem(operator.put(place, json={}), 422)
    problem(operator.put(f"{SITE}/devices/nobody/out-of-service", json={}), 404)
    assert operator.delete(place).status_code == 204
    problem(operator.delete(place), 409)
    assert listed("out_of_service") == []


def test_the_roster_is_set_as_a_whole(own_stage: Stage) -> None:
    shift = {"tier": 1, "channel": "duty", "days": "1111100", "start": "18:00", "end": "08:00"}
    place = f"{SITE}/roster"
    admin = own_stage.client("admin")
    assert admin.put(place, json=[shift]).json() == [shift]
    assert own_stage.client("viewer").get(place).json() == [shift]
    problem(admin.put(place, json=[shift | {"start": "25:00"}]), 422)
    problem(own_stage.client("operator").put(place, json=[]), 403)
    assert admin.put(place, json=[]).json() == []


def test_a_link_from_a_message_acknowledges_without_signing_in(own_stage: Stage, alarm: int) -> None:
    link = AckLinks(own_stage.context.secret, "").url(alarm, "duty", NOW)
    stranger = own_stage.client(None)
    assert stranger.get(link).status_code == 200
    assert own_stage.client("viewer").get(f"/api/v1/alarms/{alarm}").json()["state"] == "unacknowledged"
    answer = stranger.post(link, follow_redirects=False)
    assert answer.headers["location"].endswith("?said=done")
    found = own_stage.client("viewer").get(f"/api/v1/alarms/{alarm}").json()
    assert (found["state"], found["acknowledged_by"]) == ("acknowledged", "link:duty")
    assert stranger.post(link, follow_redirects=False).headers["location"].endswith("?said=already_acknowledged")
    assert stranger.post("/a/forged", follow_redirects=False).headers["location"].endswith("?said=bad_link")
