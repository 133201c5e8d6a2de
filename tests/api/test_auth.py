"""Signing in: the one-time password, throttling, sessions, tokens, other sites' pages."""

import secrets
from collections.abc import Iterator

import httpx
from sqlalchemy import select

from api.passwords import MIN_LENGTH, ensure_admin
from api.sessions import FREE_FAILURES, LONGEST_WAIT, wait
from schema.instant import DAY, SECOND
from store.registry.people import ApiToken, Audit, User
from tests.api.stage import NOW, Stage, problem

OURS = {"X-Dayuan": "1"}
SIGN_IN = "/api/v1/auth/sign-in"
PASSWORD = "/api/v1/auth/password"
ME = "/api/v1/auth/me"
LASTING = "correct horse battery"


def first_password(stage: Stage) -> str:
    password = ensure_admin(stage.context.registry, secrets.token_bytes, NOW)
    assert password is not None
    return password


def admin(stage: Stage) -> httpx.Client:
    """A client signed in as admin, the one-time password already changed."""
    client, once = stage.client(), first_password(stage)
    client.headers.update(OURS)
    assert client.post(SIGN_IN, json={"name": "admin", "password": once}).status_code == 200
    assert client.post(PASSWORD, json={"old": once, "new": LASTING}).status_code == 204
    return client


def trail(stage: Stage) -> list[tuple[str, str]]:
    with stage.context.registry.reading() as session:
        return [(row.actor, row.action) for row in session.scalars(select(Audit).order_by(Audit.id))]


def test_one_time_password_opens_only_the_change_of_password(own_stage: Stage) -> None:
    """At first all but the change is refused; afterwards the session works and the old password is gone."""
    client, once = own_stage.client(), first_password(own_stage)
    me = client.post(SIGN_IN, json={"name": "admin", "password": once})
    assert me.json() == {"name": "admin", "role": "admin", "site": None, "must_change": True}
    assert "one-time" in problem(client.get("/api/v1/sites"), 403)
    assert client.get(ME).json()["must_change"]
    assert client.post(PASSWORD, json={"old": once, "new": LASTING}, headers=OURS).status_code == 204
    assert client.get("/api/v1/sites").status_code == 200
    problem(own_stage.client().post(SIGN_IN, json={"name": "admin", "password": once}), 401)
    assert ensure_admin(own_stage.context.registry, secrets.token_bytes, NOW) is None


def test_one_time_password_is_renewed_until_it_was_changed(own_stage: Stage) -> None:
    """Who missed the printed password gets another at the next start, and the first no longer works."""
    first, second = first_password(own_stage), first_password(own_stage)
    assert first != second
    problem(own_stage.client().post(SIGN_IN, json={"name": "admin", "password": first}), 401)
    assert own_stage.client().post(SIGN_IN, json={"name": "admin", "password": second}).status_code == 200


def test_cookie_is_out_of_reach_of_scripts(own_stage: Stage) -> None:
    answer = own_stage.client().post(SIGN_IN, json={"name": "admin", "password": first_password(own_stage)})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_password_policy(own_stage: Stage) -> None:
    """Long enough, not the old one, not made of the name; and the old one has to be known."""
    client = admin(own_stage)
    refused = {"x" * (MIN_LENGTH - 1): "characters", LASTING: "old password", "admin-admin": "name"}
    for new, why in refused.items():
        assert why in problem(client.post(PASSWORD, json={"old": LASTING, "new": new}), 422)
    problem(client.post(PASSWORD, json={"old": "not the one", "new": "long enough for all"}), 403)


def test_change_of_password_ends_other_sessions(own_stage: Stage) -> None:
    here = admin(own_stage)
    there = own_stage.client()
    assert there.post(SIGN_IN, json={"name": "admin", "password": LASTING}).status_code == 200
    assert here.post(PASSWORD, json={"old": LASTING, "new": "another good one"}).status_code == 204
    problem(there.get(ME), 401)
    assert here.get(ME).status_code == 200


def test_sign_out_ends_the_session_even_for_a_copied_cookie(own_stage: Stage) -> None:
    client = admin(own_stage)
    thief = own_stage.client()
    thief.cookies.update(client.cookies)
    assert thief.get(ME).status_code == 200
    assert client.post("/api/v1/auth/sign-out").status_code == 204
    problem(client.get(ME), 401)
    problem(thief.get(ME), 401)


def test_session_ends_by_itself(own_stage: Stage) -> None:
    client = admin(own_stage)
    own_stage.clock[0] = NOW + 8 * DAY
    problem(client.get(ME), 401)


def test_failures_make_the_account_wait(own_stage: Stage) -> None:
    """After three failures even the right password waits, known account or not; the wait grows and then ends."""
    once, client = first_password(own_stage), own_stage.client()
    for name in ("admin", "nobody"):
        for _ in range(FREE_FAILURES):
            assert (
                problem(client.post(SIGN_IN, json={"name": name, "password": "wrong"}), 401) == "wrong name or password"
            )
        answer = client.post(SIGN_IN, json={"name": name, "password": once})
        assert "try again in 2 s" in problem(answer, 429)
        assert answer.headers["retry-after"] == "2"
    own_stage.clock[0] += 2 * SECOND
    assert client.post(SIGN_IN, json={"name": "admin", "password": once}).status_code == 200
    assert [wait(n) for n in range(7)] == [0, 0, 0, 2, 4, 8, 16]
    assert wait(10_000) == LONGEST_WAIT


def test_trail_tells_what_happened_but_no_typed_secret(own_stage: Stage) -> None:
    """Failures of unknown names are told without the name: it may be a password in the wrong field."""
    client = admin(own_stage)
    client.post(SIGN_IN, json={"name": "my-secret-word", "password": "x"})
    assert trail(own_stage) == [
        ("platform", "one-time password"),
        ("admin", "sign-in"),
        ("admin", "password changed"),
        ("unknown", "sign-in failed"),
    ]
    shown = client.get("/api/v1/audit")
    assert shown.json()[0]["action"] == "sign-in failed"
    assert "my-secret-word" not in shown.text


def test_pages_of_other_sites_cannot_act(own_stage: Stage) -> None:
    """A cookie alone is no proof: the request must show that it comes from a page of this server."""
    client = admin(own_stage)
    del client.headers["X-Dayuan"]
    out = "/api/v1/auth/sign-out"
    foreign = [{}, {"Sec-Fetch-Site": "cross-site", **OURS}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
    for headers in foreign:
        assert "this server" in problem(client.post(out, headers=headers), 403)
    problem(client.post(SIGN_IN, json={"name": "a", "password": "b"}, headers={"Sec-Fetch-Site": "cross-site"}), 403)
    assert client.get(ME, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert client.post(out, headers={"Origin": own_stage.base}).status_code == 204


def test_users_are_made_changed_and_shut_out(own_stage: Stage) -> None:
    """An operator is created, promoted and deactivated; the last administrator stays."""
    boss = admin(own_stage)
    made = boss.post("/api/v1/users", json={"name": "li", "role": "operator"})
    assert made.status_code == 201
    problem(boss.post("/api/v1/users", json={"name": "li", "role": "viewer"}), 409)
    li = own_stage.client()
    assert li.post(SIGN_IN, json={"name": "li", "password": made.json()["password"]}).json()["must_change"]
    assert boss.patch("/api/v1/users/li", json={"active": False}).status_code == 200
    problem(li.get(ME), 401)
    problem(li.post(SIGN_IN, json={"name": "li", "password": made.json()["password"]}), 401)
    assert "last administrator" in problem(boss.patch("/api/v1/users/admin", json={"role": "viewer"}), 409)
    assert {user["name"]: user["active"] for user in boss.get("/api/v1/users").json()} == {"admin": True, "li": False}
    problem(boss.patch("/api/v1/users/ghost", json={"active": False}), 404)


def test_tokens_are_shown_once_scoped_and_revoked(own_stage: Stage) -> None:
    boss = admin(own_stage)
    made = boss.post("/api/v1/tokens", json={"name": "board", "role": "viewer", "site": "demo"}).json()
    machine = own_stage.client()
    machine.headers["Authorization"] = f"Bearer {made['token']}"
    assert [site["id"] for site in machine.get("/api/v1/sites").json()] == ["demo"]
    problem(machine.get("/api/v1/sites/other"), 404)
    problem(machine.get("/api/v1/live", params={"site": "other"}), 404)
    assert made["token"] not in boss.get("/api/v1/tokens").text
    with own_stage.context.registry.reading() as session:
        assert made["token"] not in {row.digest for row in session.scalars(select(ApiToken))}
    assert boss.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    problem(machine.get("/api/v1/sites"), 401)


def test_token_expires(own_stage: Stage) -> None:
    boss = admin(own_stage)
    made = boss.post("/api/v1/tokens", json={"name": "t", "role": "viewer", "expires": "2026-05-05"})
    assert "name" in problem(made, 422)
    made = boss.post("/api/v1/tokens", json={"name": "tt", "role": "viewer", "expires": "2026-05-05"})
    machine = own_stage.client()
    machine.headers["Authorization"] = f"Bearer {made.json()['token']}"
    assert machine.get(ME).json()["name"] == "token:tt"
    own_stage.clock[0] += DAY
    problem(machine.get(ME), 401)


def test_passwords_are_argon2(own_stage: Stage) -> None:
    first_password(own_stage)
    with own_stage.context.registry.reading() as session:
        assert session.get_one(User, "admin").password_hash.startswith("$argon2id$")


def test_password_of_a_bad_request_is_not_echoed(stage: Stage) -> None:
    answer = stage.client().post(SIGN_IN, json={"name": "", "password": "hunter2hunter2"})
    assert "name" in problem(answer, 422)
    assert "hunter2" not in answer.text


def test_a_body_has_an_end(stage: Stage) -> None:
    """Anybody may post to the sign-in: a flood is cut off, whether its length is declared or not."""

    def flood() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(40):
            yield b"x" * 65_536

    headers = {"Content-Type": "application/json"}
    for body in (b"".join(flood()), flood()):
        assert "at most" in problem(stage.client().post(SIGN_IN, content=body, headers=headers), 413)
