"""A gate answers at once, whatever the platform does, and nobody is ever locked in."""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from access.credential import keyed_hash
from access.decision import Zone
from access.permit import Permit
from bus.messages import decode_events
from edge.agent import Agent
from edge.gate import Gate
from edge.settings import AgentSettings, Device, GateSettings
from schema.event import Pass
from schema.instant import DAY, now
from schema.text import Text
from tests.edge.platform_api import PlatformApi

pytestmark = pytest.mark.anyio
DEVICE = Device(id="north", kind="gate", building="yard", title=Text("北门", "North gate"))
PEPPER = b"a pepper of the compound"
CARD = "04A1B2C3"


def permit(raw: str = CARD, **fields: object) -> Permit:
    told: dict[str, object] = {
        "id": raw,
        "credential": keyed_hash(PEPPER, raw),
        "subject": "staff",
        "gates": ("north",),
    }
    return Permit(**(told | {"valid_from": now() - DAY} | fields))  # type: ignore[arg-type]


def listed(*permits: Permit) -> bytes:
    return msgspec.json.encode({"permits": permits})


async def goes_through() -> bool:
    return True


async def turns_round() -> bool:
    return False


@asynccontextmanager
async def gate(folder: Path, api: PlatformApi, *, zone: Zone | None = None) -> AsyncIterator[tuple[Gate, Agent]]:
    """A gate whose agent finds no broker: all it records stays in its outbox."""
    told = GateSettings(
        device=DEVICE,
        zone=zone or Zone(id="yard"),
        api=api.url,
        token="secret",
        pepper=PEPPER,
        path=folder / "gate.db",
        sync=0.1,
    )
    settings = AgentSettings(id="agent-1", site="demo", broker="mqtt://127.0.0.1:1", outbox=folder / "outbox.db")
    async with Agent(settings, now, os.urandom) as agent, Gate(told, "demo", agent, now, os.urandom) as opened:
        agent.born(DEVICE)
        yield opened, agent


def passes(agent: Agent) -> list[Pass]:
    entries = agent._outbox.unsent(0, 1000)
    events = [decode_events(entry.body).events for entry in entries if entry.topic.endswith("/events")]
    return [event for some in events for event in some if isinstance(event, Pass)]


async def counts(opened: Gate) -> tuple[float, ...]:
    return tuple(reading.value for reading in await opened.read(now()))


async def test_the_platform_decides_when_it_answers(tmp_path: Path) -> None:
    with PlatformApi().up() as api:
        async with gate(tmp_path, api) as (opened, agent):
            entered = await opened.show(CARD, "in", goes_through)
            assert (entered.granted, entered.reason, entered.decided_by, entered.passed) == (
                True,
                "ok",
                "platform",
                True,
            )
            api.body = b'{"granted": false, "reason": "revoked"}'
            refused = await opened.show(CARD, "in", goes_through)
            assert (refused.granted, refused.reason, refused.passed) == (False, "revoked", False)
            assert await counts(opened) == (1, 0)
            first, second = passes(agent)
            assert (first.id, first.decided_by, first.passed) == (entered.id, "platform", True)
            assert (second.granted, second.passed, second.reason) == (False, False, "revoked")
            assert first.id != second.id
    assert api.asked[0]["token"] == "Bearer secret"
    body = api.asked[0]["body"]
    assert body["credential"] == keyed_hash(PEPPER, CARD)
    assert body["direction"] == "in"
    assert body["time"].endswith("+00:00")


async def test_granted_is_not_yet_passed(tmp_path: Path) -> None:
    with PlatformApi().up() as api:
        async with gate(tmp_path, api) as (opened, agent):
            await opened.show(CARD, "in", turns_round)
            assert await counts(opened) == (0, 0)
            assert [(event.granted, event.passed) for event in passes(agent)] == [(True, False)]


async def test_a_grant_that_is_not_used_expires(tmp_path: Path) -> None:
    async def lingers() -> bool:
        await asyncio.sleep(30)
        return True

    with PlatformApi(body=b'{"granted": true, "reason": "ok", "valid_for": 0.05}').up() as api:
        async with gate(tmp_path, api) as (opened, agent):
            assert not (await opened.show(CARD, "in", lingers)).passed
            assert [event.passed for event in passes(agent)] == [False]


RUBBISH = [
    (200, b"\xff\xfe not json"),
    (200, b"{}"),
    (200, b'{"granted": "yes", "reason": "ok"}'),
    (200, b'{"granted": true, "reason": "<script>"}'),
    (200, b'{"granted": true, "reason": "ok", "valid_for": 1e9}'),
    (200, b"[" * 100_000),
    (401, b'{"granted": true, "reason": "ok"}'),
    (500, b'{"granted": true, "reason": "ok"}'),
    (302, b'{"granted": true, "reason": "ok"}'),
]


@pytest.mark.parametrize(("status", "body"), RUBBISH)
async def test_a_platform_that_answers_rubbish_never_opens_for_all_and_locks_nobody_in(
    tmp_path: Path, status: int, body: bytes
) -> None:
    with PlatformApi(permits=listed(permit())).up() as api:
        async with gate(tmp_path, api) as (opened, agent):
            await opened.fetch()
            api.status, api.body = status, body
            known = await opened.show(CARD, "in", goes_through)
            stranger = await opened.show("77777777", "in", goes_through)
            leaving = await opened.show("77777777", "out", goes_through)
            assert (known.granted, known.reason, known.decided_by) == (True, "ok", "controller")
            assert (stranger.granted, stranger.reason, stranger.decided_by) == (False, "unknown", "controller")
            assert (leaving.granted, leaving.reason) == (True, "unknown")
            assert [event.subject for event in passes(agent)] == ["staff", "unknown", "unknown"]


async def test_a_slow_platform_costs_no_more_than_the_budget(tmp_path: Path) -> None:
    with PlatformApi(permits=listed(permit())).up() as api:
        async with gate(tmp_path, api) as (opened, _):
            await opened.fetch()
            api.delay = 30.0
            begin = time.monotonic()
            verdict = await opened.show(CARD, "in", goes_through)
            took = time.monotonic() - begin
    assert (verdict.granted, verdict.decided_by) == (True, "controller")
    assert 0.29 < took < 30


async def test_the_list_survives_a_reboot_with_the_platform_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with PlatformApi(permits=listed(permit(), permit("late", valid_to=now() - 1))).up() as api:
        async with gate(tmp_path, api) as (opened, _):
            await opened.fetch()
    with caplog.at_level(logging.INFO, "edge.gate"):
        async with gate(tmp_path, api) as (opened, agent):
            with pytest.raises(httpx.ConnectError):
                await opened.fetch()
            assert (await opened.show(CARD, "in", goes_through)).granted
            assert (await opened.show("late", "in", goes_through)).reason == "expired"
            with api.up():
                assert (await opened.show(CARD, "out", goes_through)).decided_by == "platform"
            assert [event.decided_by for event in passes(agent)] == ["controller", "controller", "platform"]
    said = [record.message for record in caplog.records if record.name == "edge.gate"]
    assert len([line for line in said if "no decision from the platform" in line]) == 1
    assert len([line for line in said if "decision comes from the platform again" in line]) == 1
    assert not [line for line in said if CARD in line or keyed_hash(PEPPER, CARD) in line]


async def test_without_any_list_it_lets_out_and_not_in(tmp_path: Path) -> None:
    async with gate(tmp_path, PlatformApi()) as (opened, _):
        refused = await opened.show(CARD, "in", goes_through)
        assert (refused.granted, refused.reason) == (False, "no_response")
        assert (await opened.show(CARD, "out", goes_through)).granted


async def test_a_platform_that_says_no_locks_nobody_in(tmp_path: Path) -> None:
    with PlatformApi(body=b'{"granted": false, "reason": "blacklist"}').up() as api:
        async with gate(tmp_path, api) as (opened, _):
            leaving = await opened.show(CARD, "out", goes_through)
            assert (leaving.granted, leaving.reason, leaving.passed) == (True, "blacklist", True)


async def test_a_disk_that_fails_locks_nobody_in(tmp_path: Path) -> None:
    async with gate(tmp_path, PlatformApi()) as (opened, _):
        went = False

        async def leaves() -> bool:
            nonlocal went
            went = True
            return True

        opened._book.close()
        with pytest.raises(sqlite3.ProgrammingError):
            await opened.show(CARD, "out", leaves)
        assert went


async def test_a_changed_list_is_taken_and_an_unchanged_one_is_not_sent_again(tmp_path: Path) -> None:
    with PlatformApi(permits=listed(permit())).up() as api:
        async with gate(tmp_path, api) as (opened, _):
            await opened.fetch()
            await opened.fetch()
            assert api.fetched == [200, 304]
            api.permits, api.version = listed(permit(standing="revoked")), '"2"'
            await opened.fetch()
            api.status = 500
            assert (await opened.show(CARD, "in", goes_through)).reason == "revoked"


async def test_the_list_is_kept_fresh(tmp_path: Path) -> None:
    with PlatformApi(status=500).up() as api:
        async with gate(tmp_path, api) as (opened, agent):
            agent.start("permits", opened.synchronise())
            async with asyncio.timeout(60):
                while len(api.fetched) < 2:  # noqa: ASYNC110 - the server runs in a thread of its own
                    await asyncio.sleep(0.01)
                api.status = 200
                while 304 not in api.fetched:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
    assert api.fetched[:2] == [500, 500]


async def test_one_permit_that_is_none_does_not_spoil_the_others(tmp_path: Path) -> None:
    body = b'{"permits": [{"id": 7}, ' + msgspec.json.encode(permit()) + b', "x"]}'
    with PlatformApi(permits=body).up() as api:
        async with gate(tmp_path, api) as (opened, _):
            await opened.fetch()
            api.status = 500
            assert (await opened.show(CARD, "in", goes_through)).granted


async def test_a_list_that_is_none_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    with PlatformApi(permits=listed(permit())).up() as api:
        async with gate(tmp_path, api) as (opened, _):
            await opened.fetch()
            api.permits, api.version = b"<html>maintenance</html>", '"2"'
            with pytest.raises(msgspec.DecodeError):
                await opened.fetch()
            api.body = b""
            assert (await opened.show(CARD, "in", goes_through)).granted


async def test_offline_it_remembers_who_is_inside(tmp_path: Path) -> None:
    zone = Zone(id="yard", anti_passback="hard")
    with PlatformApi(permits=listed(permit(max_uses=2))).up() as api:
        async with gate(tmp_path, api, zone=zone) as (opened, _):
            await opened.fetch()
            api.status = 500
            assert (await opened.show(CARD, "in", turns_round)).granted
            assert (await opened.show(CARD, "in", goes_through)).granted
        async with gate(tmp_path, api, zone=zone) as (opened, _):
            assert (await opened.show(CARD, "in", goes_through)).reason == "anti_passback"
            assert (await opened.show(CARD, "out", goes_through)).granted
            assert (await opened.show(CARD, "in", goes_through)).granted
            assert (await opened.show(CARD, "out", goes_through)).granted
            assert (await opened.show(CARD, "in", goes_through)).reason == "already_used"
            assert await counts(opened) == (2, 2)


async def test_event_ids_are_never_given_twice_even_when_the_memory_is_lost(tmp_path: Path) -> None:
    ids = []
    for life in range(3):
        async with gate(tmp_path, PlatformApi()) as (opened, _):
            ids += [(await opened.show(CARD, "in", goes_through)).id for _ in range(3)]
        if life == 1:
            (tmp_path / "gate.db").write_bytes(b"worn out flash" * 100)
    assert len(set(ids)) == 9
