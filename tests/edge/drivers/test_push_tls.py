"""HTTP push over TLS, against real TLS clients and certificates made here."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from edge.drivers import http_listener
from edge.drivers.push import Section, check
from edge.tomlfile import Wrong
from tests.edge.drivers.certificates import Authority
from tests.edge.drivers.hearing import hearing, until
from tests.edge.drivers.test_push import TOKEN, gate, row
from tests.servers import free_port

pytestmark = pytest.mark.anyio


def trusting(authority: Authority, **own: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.own.certificate)
    if own:
        context.load_cert_chain(own["certificate"], own["key"])
    return context


async def post(port: int, body: object, verify: ssl.SSLContext, token: str = TOKEN) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=5, verify=verify) as client:
        return await client.post(f"https://127.0.0.1:{port}/gate-west", json=body, headers=headers)


async def ready(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def secured(port: int, tls: dict[str, str], name: str = "gate-west") -> dict[str, object]:
    return {"port": port, "name": name, "url": f"https://127.0.0.1:{port}/{name}", "tls": tls}


async def test_a_client_that_trusts_the_certificate_is_heard_and_the_token_still_counts(tmp_path: Path) -> None:
    authority, port = Authority(tmp_path / "ca"), free_port()
    mine = authority.sign("yard-box")
    async with hearing(tmp_path, gate(**secured(port, mine.told))) as kept:  # type: ignore[arg-type]
        await ready(port)
        trust = trusting(authority)
        many = {"list": [row(number, filling="x" * 900) for number in range(900)]}
        assert (await post(port, {"list": [row(1)]}, trust)).status_code == 200
        assert (await post(port, many, trust)).status_code == 200
        assert (await post(port, {"list": ["x" * (2 << 20)]}, trust)).status_code == 413
        assert (await post(port, {"list": [row(2)]}, trust, "guessed")).status_code == 401
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await post(port, {"list": [row(3)]}, trusting(Authority(tmp_path / "other")))
        with pytest.raises(httpx.RemoteProtocolError):
            async with httpx.AsyncClient(trust_env=False) as plain:
                await plain.post(f"http://127.0.0.1:{port}/gate-west", json={"list": [row(4)]})
    assert len(kept.events) == 901


async def test_with_a_client_authority_a_device_shows_a_certificate_as_well(tmp_path: Path) -> None:
    authority, devices, port = Authority(tmp_path / "ca"), Authority(tmp_path / "devices"), free_port()
    tls = authority.sign("yard-box").told | {"client_ca": str(devices.own.certificate)}
    known, stranger = devices.sign("gate"), authority.sign("somebody")
    async with hearing(tmp_path, gate(**secured(port, tls))) as kept:  # type: ignore[arg-type]
        await ready(port)
        body = {"list": [row(1)]}
        assert (await post(port, body, trusting(authority, **known._asdict()))).status_code == 200
        for context in (trusting(authority), trusting(authority, **stranger._asdict())):
            with pytest.raises(httpx.TransportError):
                await post(port, body, context)
    assert len(kept.events) == 1


async def test_who_never_ends_a_handshake_is_counted_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listener, "_WITHIN", 0.4)
    authority, port = Authority(tmp_path / "ca"), free_port()
    async with hearing(tmp_path, gate(**secured(port, authority.sign("yard-box").told))):  # type: ignore[arg-type]
        await ready(port)
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        first = [asyncio.create_task(reader.read(1)) for reader, _ in silent]
        await until(lambda: sum(task.done() for task in first) >= 20, 0.3)
        async with asyncio.timeout(60):
            await asyncio.gather(*first)
        for _, writer in silent:
            writer.close()
        assert (await post(port, {"list": []}, trusting(authority))).status_code == 200


def test_tls_that_cannot_work_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    mine, other = authority.sign("yard-box"), authority.sign("other")
    readings = {"entries": "n"}
    for url, tls in (("http://0.0.0.0:1/x", mine.told), ("https://0.0.0.0:1/x", None)):
        with pytest.raises(Wrong, match="belong together"):
            Section(url=url, token=TOKEN, tls=tls, readings=readings)  # type: ignore[arg-type]
    for told, place in (
        (mine.told | {"key": str(other.key)}, "certificate"),
        (authority.lock(mine).told, "certificate"),
        (mine.told | {"certificate": str(tmp_path / "none.pem")}, "certificate"),
        (mine.told | {"client_ca": str(mine.key)}, "client_ca"),
    ):
        alone = gate(**secured(1, told))  # type: ignore[arg-type]
        with pytest.raises(Wrong, match="cannot be used") as wrong:
            check(alone, [alone])
        assert wrong.value.place == ("tls", place)
    west = gate(**secured(1, mine.told))  # type: ignore[arg-type]
    east = gate(**secured(1, other.told, "gate-east"))  # type: ignore[arg-type]
    with pytest.raises(Wrong, match="one for all of them"):
        check(west, [west, east])
