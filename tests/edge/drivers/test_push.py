"""HTTP push over real sockets: what devices post is answered once it is kept, and no client can hold up another."""

import asyncio
import base64
from pathlib import Path

import httpx
import pytest

from edge.drivers import Wired, http_listener
from edge.drivers.mapping import Stamp
from edge.drivers.push import Section, check
from edge.tomlfile import Wrong
from schema.errors import Stop
from schema.event import Pass
from schema.instant import SECOND, now
from tests.edge.drivers.hearing import Kept, hearing, until, wired
from tests.servers import free_port

pytestmark = pytest.mark.anyio
TOKEN = "a long random word"
EVENT = {
    "type": "pass",
    "direction": {"from": "inOut", "values": {"1": "in", "2": "out"}},
    "granted": {"from": "result", "values": {"0": True}, "other": False},
    "passed": {"from": "result", "values": {"0": True}, "other": False},
    "reason": {"from": "result", "values": {"0": "ok"}, "other": "refused"},
    "decided_by": {"value": "controller"},
    "credential": "card",
}


def gate(port: int, name: str = "gate-west", **more: object) -> Wired:
    told = {
        "url": f"http://127.0.0.1:{port}/{name}",
        "token": TOKEN,
        "records": "list",
        "id": ["serial", "at"],
        "time": {"from": "at", "form": "s"},
        "readings": {"entries": "total"},
        "event": EVENT,
        "pepper": "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k",
        **more,
    }
    return wired(name, "gate", "push", told)


def row(number: int, **more: object) -> dict[str, object]:
    at = now() // SECOND
    return {"serial": number, "at": at, "inOut": 1, "result": 0, "card": "04A2", "total": number, **more}


async def post(port: int, body: object, token: str = TOKEN, name: str = "gate-west") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.post(f"http://127.0.0.1:{port}/{name}", json=body, headers=headers)


async def ready(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await post(port, {"list": []})
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                return


async def test_readings_and_events_are_kept_before_the_device_is_answered(tmp_path: Path) -> None:
    port = free_port()
    async with hearing(tmp_path, gate(port), gate(port, "gate-east", answer='{"code":0}')) as kept:
        await ready(port)
        answer = await post(port, {"list": [row(7), row(8, inOut=2, result=3)]})
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
        first, second = kept.events
        assert isinstance(first, Pass)
        assert isinstance(second, Pass)
        assert (first.direction, first.granted, first.reason, first.decided_by) == ("in", True, "ok", "controller")
        assert (second.direction, second.granted, second.reason) == ("out", False, "refused")
        assert first.id.startswith("7-")
        assert len(first.credential) == 64
        assert "04A2" not in str(kept.events)
        assert [(reading.point, reading.value) for reading in kept.readings] == [("entries", 7), ("entries", 8)]
        assert (await post(port, {"list": [row(1)]}, name="gate-east")).json() == {"code": 0}
        kept.full = True
        refused = await post(port, {"list": [row(9)]})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert len(kept.events) == 3


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"at": 86_400}, "clock"),
        ({"at": now() // SECOND + 3600}, "clock"),
        ({"inOut": 9}, "not_understood"),
        ({"serial": None}, "not_understood"),
        ({"total": -1}, "implausible"),
        ({"total": "many"}, "not_understood"),
    ],
)
async def test_a_record_that_cannot_be_believed_is_trouble_and_spoils_no_other(
    tmp_path: Path, more: dict[str, object], reason: str
) -> None:
    port = free_port()
    async with hearing(tmp_path, gate(port)) as kept:
        await ready(port)
        for _ in range(2):
            assert (await post(port, {"list": [row(1, **more), row(2)]})).status_code == 200
        assert kept.reasons == [reason]
        for _ in range(2):
            await post(port, {"list": [row(3)]})
        assert kept.reasons == [reason, None]
    assert {reading.value for reading in kept.readings} >= {2.0, 3.0}
    assert -1 not in {reading.value for reading in kept.readings}
    assert all(event.time > 86_400 * SECOND * 2 for event in kept.events)


async def test_strangers_and_rubbish_are_refused(tmp_path: Path) -> None:
    port = free_port()
    async with hearing(tmp_path, gate(port)) as kept:
        await ready(port)
        assert (await post(port, {"list": [row(1)]}, token="guessed")).status_code == 401
        assert (await post(port, {"list": [row(1)]}, name="gate-north")).status_code == 404
        assert (await post(port, {"rows": [row(1)]})).status_code == 400
        assert (await post(port, "x" * (2 << 20))).status_code == 413
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            url = f"http://127.0.0.1:{port}/gate-west"
            assert (await client.get(url)).status_code == 405
            assert (await client.post(url, content=b'{"list": [')).status_code == 400
            assert (await client.post(url, content=b"[" * 100_000)).status_code == 400
        assert await raw(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n") == 400
        assert await raw(port, b"POST /gate-west HTTP/1.1\r\nx: " + b"y" * 40_000) == 431
        assert (await post(port, {"list": [row(1)]})).status_code == 200
    assert kept.ids[0].startswith("1-")
    assert len(kept.events) == 1


async def test_a_user_and_password_do_as_well(tmp_path: Path) -> None:
    port = free_port()
    async with hearing(tmp_path, gate(port, token=None, user="gate", password="a password")) as kept:
        await ready(port)
        async with httpx.AsyncClient(trust_env=False, auth=("gate", "a password")) as client:
            url = f"http://127.0.0.1:{port}/gate-west"
            assert (await client.post(url, json={"list": [row(1)]})).status_code == 200
    assert len(kept.events) == 1


async def test_one_connection_carries_many_posts_in_any_pieces(tmp_path: Path) -> None:
    port = free_port()
    body = b'{"list": []}'
    head = f"POST /gate-west HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    whole = head + b"Content-Length: 12\r\n\r\n" + body
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\nc\r\n" + body + b"\r\n0\r\n\r\n"
    async with hearing(tmp_path, gate(port)):
        await ready(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stream = whole + chunked + whole
        for at in range(0, len(stream), 7):
            writer.write(stream[at : at + 7])
            await writer.drain()
        heard = b""
        async with asyncio.timeout(60):
            while heard.count(b"HTTP/1.1 200") < 3:
                heard += await reader.read(1000)
        writer.write(head + b"Content-Length: 12\r\nExpect: 100-continue\r\n\r\n")
        assert b"100" in await reader.readline()
        writer.close()


async def test_slow_clients_are_ended_and_keep_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listener, "_WITHIN", 1.0)
    port = free_port()
    head = (
        f"POST /gate-west HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 999\r\n\r\n".encode()
    )
    async with hearing(tmp_path, gate(port)):
        await ready(port)
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        for _, writer in slow:
            writer.write(head + b'{"list"')
        assert (await post(port, {"list": []})).status_code == 200
        for reader, writer in slow:
            async with asyncio.timeout(60):
                assert b"408" in await reader.readline()
            writer.close()
        many = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        closed = 0
        for reader, writer in many:
            try:
                async with asyncio.timeout(0.05):
                    closed += await reader.read(1) == b""
            except (TimeoutError, ConnectionError):
                pass
            writer.close()
        assert closed >= 10, "a host has a limit of connections"
        await asyncio.sleep(0.1)
        assert (await post(port, {"list": []})).status_code == 200


async def test_a_port_that_is_taken_is_trouble_until_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.drivers.push._AGAIN", 0.1)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with hearing(tmp_path, gate(port)) as kept:
        await until(lambda: kept.reasons == ["silent"])
        server.close()
        await ready(port)


def test_a_section_that_is_wrong_is_told() -> None:
    good = {"url": "http://0.0.0.0:8900/x", "readings": {"entries": "n"}}
    with pytest.raises(Wrong, match="no address to listen on"):
        Section(url="https://x", token=TOKEN, readings={"entries": "n"})
    with pytest.raises(Wrong, match="has to show a token"):
        Section(**good)  # type: ignore[arg-type]
    with pytest.raises(Wrong, match="no time zone 'Asia'"):
        Stamp(path="t", timezone="Asia")
    west, east = gate(8900), gate(8900)._replace(device="gate-east")
    with pytest.raises(Stop, match="a path of its own"):
        check(west, [west, east])


async def raw(port: int, said: bytes) -> int:
    """The status that raw bytes are answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    async with asyncio.timeout(60):
        line = await reader.readline()
    writer.close()
    return int(line.split()[1])


def test_the_header_of_a_user_is_basic() -> None:
    told = http_listener.authorization(None, "a", "b")
    assert base64.b64decode(told.removeprefix("Basic ")) == b"a:b"
    assert Kept().reasons == []
