"""Every route of the API against every role: who may not is told so, before anything else happens."""

import re
from collections.abc import Iterator

import pytest

from tests.api.stage import Stage, problem

OPEN = {("get", "/healthz"), ("post", "/api/v1/auth/sign-in")}
OPERATOR = {
    ("post", "/api/v1/sites/{site}/permits"),
    ("get", "/api/v1/sites/{site}/permits"),
    ("get", "/api/v1/sites/{site}/permits/{permit}"),
    ("patch", "/api/v1/sites/{site}/permits/{permit}"),
    ("delete", "/api/v1/sites/{site}/permits/{permit}"),
    ("post", "/api/v1/sites/{site}/gates/{gate}/decisions"),
    ("get", "/api/v1/sites/{site}/zones/{zone}"),
    ("put", "/api/v1/sites/{site}/zones/{zone}"),
    ("get", "/api/v1/dead-letters"),
    ("get", "/api/v1/dead-letters/{letter}"),
    ("post", "/api/v1/dead-letters/replay"),
    ("post", "/api/v1/dead-letters/outcome"),
    ("post", "/api/v1/dead-letters/discard"),
    ("post", "/api/v1/sites/{site}/devices/{device}/register-changes"),
    ("delete", "/api/v1/sites/{site}/devices/{device}/register-changes/{change}"),
    ("post", "/api/v1/alarms/{alarm}/acknowledge"),
    ("post", "/api/v1/alarms/{alarm}/shelve"),
    ("post", "/api/v1/alarms/{alarm}/unshelve"),
    ("post", "/api/v1/alarms/{alarm}/comment"),
    ("post", "/api/v1/alarms/{alarm}/judge"),
    ("post", "/api/v1/sites/{site}/alarms/acknowledge"),
    ("put", "/api/v1/sites/{site}/alarm-treatments"),
    ("delete", "/api/v1/sites/{site}/alarm-treatments"),
    ("put", "/api/v1/sites/{site}/devices/{device}/out-of-service"),
    ("delete", "/api/v1/sites/{site}/devices/{device}/out-of-service"),
}
ADMIN = {
    ("get", "/api/v1/users"),
    ("post", "/api/v1/users"),
    ("patch", "/api/v1/users/{name}"),
    ("get", "/api/v1/tokens"),
    ("post", "/api/v1/tokens"),
    ("delete", "/api/v1/tokens/{token}"),
    ("get", "/api/v1/audit"),
    ("put", "/api/v1/sites/{site}/roster"),
}
ANYONE = {("get", "/api/v1/auth/me"), ("post", "/api/v1/auth/sign-out"), ("post", "/api/v1/auth/password")}
GATE = {("post", "/api/v1/sites/{site}/gates/{gate}/decisions"), ("get", "/api/v1/sites/{site}/permits")}


def routes(stage: Stage) -> Iterator[tuple[str, str]]:
    for path, methods in stage.app.openapi()["paths"].items():
        for method in methods:
            yield method, path


def call(stage: Stage, role: str | None, method: str, path: str) -> int:
    """The status of a request with made-up path parameters and no body."""
    return stage.client(role).request(method, re.sub(r"\{\w+\}", "0", path)).status_code


def test_lists_name_real_routes(stage: Stage) -> None:
    assert set(routes(stage)) >= OPEN | OPERATOR | ADMIN | ANYONE | GATE


def test_anonymous_gets_401_everywhere_else(stage: Stage) -> None:
    """Also for the description of the API and for what does not look like a site."""
    for method, path in [*routes(stage), ("get", "/openapi.json"), ("get", "/docs")]:
        if (method, path) not in OPEN:
            assert call(stage, None, method, path) == 401, (method, path)


def test_a_bad_token_is_no_token(stage: Stage) -> None:
    for value in (b"Bearer nonsense", b"Bearer", b"Basic YTpi", "Bearer é".encode()):
        answer = stage.client().get("/api/v1/sites", headers={b"Authorization": value})
        assert "sign in" in problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("role", "closed"), [("viewer", OPERATOR | ADMIN), ("operator", ADMIN), ("admin", set()), ("gate", None)]
)
def test_roles(stage: Stage, role: str, closed: set[tuple[str, str]] | None) -> None:
    """403 for what is above a role, and for nothing below it; a gate agent may ask for decisions and nothing else."""
    every = set(routes(stage)) - OPEN - ANYONE
    # A live stream that is let in does not end by itself: it has its own tests.
    every -= set() if closed is None else {("get", "/api/v1/live")}
    forbidden = every - GATE if closed is None else closed
    for method, path in sorted(every):
        status = call(stage, role, method, path)
        assert (status == 403) == ((method, path) in forbidden), (role, method, path, status)


def test_description_is_complete(stage: Stage) -> None:
    """Every operation says what it does, and that its errors are problem documents."""
    client = stage.client("viewer")
    described = client.get("/openapi.json").json()
    for path, method, operation in (
        (path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ):
        assert operation.get("description"), (method, path)
        assert operation["tags"], (method, path)
        assert "application/problem+json" in operation["responses"]["4XX"]["content"], (method, path)
    assert client.get("/docs").status_code == 200


@pytest.mark.parametrize("path", ["/alarms/{}", "/dead-letters?before={}", "/audit?before={}"])
def test_a_number_no_database_can_count_to_is_refused(stage: Stage, path: str) -> None:
    answer = stage.client("admin").get("/api/v1" + path.format(1 << 63))
    assert problem(answer, 422)
