"""The live stream over a real server: what is offered arrives within a second, and who leaves is forgotten."""

import json
from collections.abc import Iterator

from api.routes.live import LONGEST
from schema.instant import SECOND
from tests.api.stage import MAIN, NOW, POWER, Stage, problem, readings, until


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, object]]]:
    kind = ""
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def test_an_offered_batch_arrives(own_stage: Stage) -> None:
    hub = own_stage.context.hub
    client = own_stage.client("viewer")
    with client.stream("GET", "/api/v1/live", params={"site": "demo"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        until(lambda: hub.clients == 1)
        hub.offer(readings(POWER, NOW, SECOND, [1.0, 42.0]))
        hub.offer(readings(MAIN._replace(site="other"), NOW, 1, [7.0]))
        news = events(answer.iter_lines())
        kind, body = next(news)
        assert kind == "latest"
        assert body["values"] == [
            {
                "kind": "latest",
                "site": "demo",
                "device": "main-1",
                "point": "power",
                "time": "2026-05-04T12:00:01+08:00",
                "value": 42.0,
                "quality": "measured",
            }
        ]
        hub.announce("alarm", {"site": "demo", "id": 5, "effect": "opened"})
        assert next(news) == ("alarm", {"kind": "alarm", "site": "demo", "id": 5, "effect": "opened"})
    until(lambda: hub.clients == 0)


def test_server_stops_at_once_when_the_hub_closes(own_stage: Stage) -> None:
    """Ctrl-C with a page open: closing the hub ends the streams, so the server need not wait for its time-out."""
    hub = own_stage.context.hub
    with own_stage.client("viewer").stream("GET", "/api/v1/live") as answer:
        until(lambda: hub.clients == 1)
        hub.close()
        assert [line for line in answer.iter_lines() if line.startswith("data")] == []


def test_refused_before_the_stream_begins(stage: Stage) -> None:
    problem(stage.client("viewer").get("/api/v1/live", params={"site": "nowhere"}), 404)
    problem(stage.client().get("/api/v1/live"), 401)


def test_stream_ends_after_a_while_so_that_rights_are_asked_again(own_stage: Stage) -> None:
    hub = own_stage.context.hub
    with own_stage.client("viewer").stream("GET", "/api/v1/live") as answer:
        until(lambda: hub.clients == 1)
        own_stage.clock[0] += LONGEST
        hub.announce("books", {"site": "demo"})
        assert [kind for kind, _ in events(answer.iter_lines())] == ["books"]
    until(lambda: hub.clients == 0)
