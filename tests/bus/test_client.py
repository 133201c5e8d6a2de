"""The MQTT client against a real Mosquitto: nothing acknowledged is lost, whatever is killed."""

import asyncio
import logging
import shutil
import subprocess
from collections.abc import Coroutine
from typing import Any

import pytest

from bus.client import Client, Inbox, Link, Will
from bus.packets import MAX_PACKET
from schema.errors import Reject, RetryLater, Stop
from tests.broker import Broker
from tests.servers import free_port

pytestmark = pytest.mark.broker


def run(body: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, and see that it leaves no task behind."""

    async def whole() -> None:
        async with asyncio.timeout(60):
            await body
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


def link(broker: Broker, client_id: str, **terms: Any) -> Link:
    return Link(url=broker.url, client_id=client_id, **({"longest_backoff": 0.2} | terms))


async def collect(client: Client, count: int, acknowledge: bool = True) -> list[bytes]:
    """The payloads of the next `count` messages."""
    payloads: list[bytes] = []
    while len(payloads) < count:
        inbox = await client.receive(count - len(payloads))
        payloads += inbox.payloads
        if acknowledge:
            client.acknowledge(inbox)
    return payloads


async def drop(client: Client) -> None:
    """Cut the socket, as a network does, once what was said is out, and wait until the client is back."""
    seen = client.connects
    await asyncio.sleep(0)
    assert client._connection is not None
    client._connection._transport.abort()  # type: ignore[union-attr]
    await client.changed(seen)


@pytest.mark.parametrize("version", [5, 4])
def test_messages_come_in_order_and_once(broker: Broker, version: int) -> None:
    async def body() -> None:
        sent = [b"%d" % number for number in range(3_000)]
        async with (
            Client(link(broker, "receiver", version=version)) as receiver,
            Client(link(broker, "sender", clean_start=True, version=version)) as sender,
        ):
            await receiver.subscribe(["t/+"])
            await asyncio.gather(*(sender.publish("t/x", payload) for payload in sent))
            assert await collect(receiver, len(sent)) == sent

    run(body())


@pytest.mark.parametrize("version", [5, 4])
def test_what_was_not_acknowledged_comes_again(broker: Broker, version: int) -> None:
    async def body() -> None:
        async with (
            Client(link(broker, "receiver", version=version)) as receiver,
            Client(link(broker, "sender", clean_start=True)) as sender,
        ):
            await receiver.subscribe(["t"])
            await asyncio.gather(*(sender.publish("t", b"%d" % number) for number in range(100)))
            first: Inbox = await receiver.receive(40)
            receiver.acknowledge(first)
            taken = len(first.ids)
            await collect(receiver, 20, acknowledge=False)
            await drop(receiver)
            assert await collect(receiver, 100 - taken) == [b"%d" % number for number in range(taken, 100)]

    run(body())


def test_what_came_while_we_were_away_waits_for_us(broker: Broker) -> None:
    async def body() -> None:
        async with Client(link(broker, "receiver")) as receiver:
            await receiver.subscribe(["t"])
        async with Client(link(broker, "sender", clean_start=True)) as sender:
            await asyncio.gather(*(sender.publish("t", b"%d" % number) for number in range(2_000)))
        async with Client(link(broker, "receiver")) as receiver:
            assert len(await collect(receiver, 2_000)) == 2_000

    run(body())


def test_an_acknowledgement_of_an_older_connection_is_ignored(broker: Broker) -> None:
    async def body() -> None:
        async with (
            Client(link(broker, "receiver")) as receiver,
            Client(link(broker, "sender", clean_start=True)) as sender,
        ):
            await receiver.subscribe(["t"])
            await sender.publish("t", b"1")
            old = await receiver.receive()
            await drop(receiver)
            again = await receiver.receive()
            receiver.acknowledge(old)
            assert again.payloads == [b"1"]
            assert again.generation > old.generation
            await drop(receiver)
            receiver.acknowledge(await receiver.receive())
            await drop(receiver)
            await sender.publish("t", b"2")
            assert (await receiver.receive()).payloads == [b"2"]

    run(body())


def test_a_killed_broker_costs_the_sender_nothing(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        async with (
            Client(link(broker, "receiver")) as receiver,
            Client(link(broker, "sender", clean_start=True)) as sender,
        ):
            await receiver.subscribe(["t"])
            broker.kill()
            waiting = [sender.publish_soon("t", b"%d" % number) for number in range(500)]
            await asyncio.sleep(0.3)
            seen = receiver.connects
            broker.restart(wipe=True)
            await receiver.changed(seen)
            await asyncio.wait_for(asyncio.gather(*waiting), 60)
            # The broker forgot the session: the client subscribed again; what came first is the agent's to send again.
            await sender.publish("t", b"last")
            while (await collect(receiver, 1)) != [b"last"]:
                pass

    with caplog.at_level(logging.WARNING, "bus.client"):
        run(body())
    lost = [record for record in caplog.records if "trying until it is back" in record.message]
    back = [record for record in caplog.records if "is back after" in record.message]
    assert (len(lost), len(back)) == (2, 2)


def test_a_saved_session_survives_sigterm(broker: Broker) -> None:
    async def body() -> None:
        async with Client(link(broker, "receiver")) as receiver:
            await receiver.subscribe(["t"])
        async with Client(link(broker, "sender", clean_start=True)) as sender:
            await asyncio.gather(*(sender.publish("t", b"%d" % number) for number in range(1_500)))
        broker.restart()
        async with Client(link(broker, "receiver")) as receiver:
            assert await collect(receiver, 1_500) == [b"%d" % number for number in range(1_500)]

    run(body())


def test_a_giant_message_is_delivered_and_one_beyond_the_limit_is_cut(broker: Broker) -> None:
    async def body() -> None:
        async with (
            Client(link(broker, "receiver")) as receiver,
            Client(link(broker, "sender", clean_start=True)) as sender,
        ):
            await receiver.subscribe(["t"])
            await sender.publish("t", bytes(10_000_000))
            await sender.publish("t", bytes(MAX_PACKET + 1_000_000))
            await sender.publish("t", b"small")
            giant, cut, small = await collect(receiver, 3)
            assert len(giant) == 10_000_000
            assert MAX_PACKET - 100 < len(cut) < MAX_PACKET
            assert small == b"small"
            assert receiver.connects == 1

    run(body())


@pytest.mark.parametrize("terms", [{"receive_maximum": 200}, {"receive_bytes": 20_000}])
def test_a_slow_consumer_holds_little_and_loses_nothing(broker: Broker, terms: dict[str, int]) -> None:
    """MQTT 3.1.1 has no receive maximum: only the unread socket holds the broker back."""

    async def body() -> None:
        async with (
            Client(link(broker, "receiver", version=4, **terms)) as receiver,
            Client(link(broker, "sender", clean_start=True)) as sender,
        ):
            await receiver.subscribe(["t"])
            filler = bytes(10_000)
            sending = asyncio.gather(*(sender.publish("t", b"%d " % number + filler) for number in range(2_000)))
            await sending
            await asyncio.sleep(0.2)
            # One read of the socket may go beyond the bound, no more.
            assert receiver._inflow._held_bytes < 2_500_000 + 262_144
            got: list[bytes] = []
            while len(got) < 2_000:
                inbox = await receiver.receive(50)
                await asyncio.sleep(0)
                got += inbox.payloads
                receiver.acknowledge(inbox)
            assert [int(payload.split()[0]) for payload in got] == list(range(2_000))
            assert (receiver._inflow._held, receiver._inflow._held_bytes) == (0, 0)

    run(body())


def test_retained_state_and_last_will(broker: Broker) -> None:
    async def body() -> None:
        async with Client(link(broker, "watcher", clean_start=True)) as watcher:
            async with Client(link(broker, "agent", clean_start=True), Will("state", b"offline")) as agent:
                await agent.publish("state", b"online", retain=True)
                await watcher.subscribe(["state"])
                assert await collect(watcher, 1) == [b"online"]
                await drop(agent)
                assert await collect(watcher, 1) == [b"offline"]
                await agent.publish("state", b"online", retain=True)
                assert await collect(watcher, 1) == [b"online"]
            # A clean end is no death: the will stays unspoken.
            await watcher.publish("state", b"probe")
            assert await collect(watcher, 1) == [b"probe"]

    run(body())


def test_publishes_in_flight_are_sent_again_until_confirmed(broker: Broker) -> None:
    async def body() -> None:
        async with (
            Client(link(broker, "receiver")) as receiver,
            Client(link(broker, "sender", session_expiry=60, send_maximum=50)) as sender,
        ):
            await receiver.subscribe(["t"])
            waiting = [sender.publish_soon("t", b"%d" % number) for number in range(1_000)]
            await drop(sender)
            await asyncio.gather(*waiting)
            seen: dict[bytes, None] = {}
            while len(seen) < 1_000:
                inbox = await receiver.receive()
                seen |= dict.fromkeys(inbox.payloads)
                receiver.acknowledge(inbox)
            assert list(seen) == [b"%d" % number for number in range(1_000)]

    run(body())


def test_a_command_that_is_too_late_is_not_sent(broker: Broker) -> None:
    async def body() -> None:
        async with Client(link(broker, "sender", clean_start=True)) as sender:
            broker.kill()
            waiting = sender.publish_soon("cmd", b"open", expiry=1)
            await asyncio.sleep(1.6)
            broker.restart()
            with pytest.raises(Reject) as caught:
                await waiting
            assert caught.value.reason == "expired"

    run(body())


def test_the_broker_keeps_to_the_expiry_of_a_command(broker: Broker) -> None:
    async def body() -> None:
        async with Client(link(broker, "gate")) as gate:
            await gate.subscribe(["cmd"])
        async with Client(link(broker, "sender", clean_start=True)) as sender:
            await sender.publish("cmd", b"stale", expiry=1)
            await sender.publish("cmd", b"fresh", expiry=60)
        await asyncio.sleep(2.1)
        async with Client(link(broker, "gate")) as gate:
            assert await collect(gate, 1) == [b"fresh"]

    run(body())


def test_no_broker_is_a_reason_to_try_later() -> None:
    async def body() -> None:
        client = Client(Link(url=f"mqtt://127.0.0.1:{free_port()}", client_id="x"), patience=0.3)
        with pytest.raises(RetryLater):
            async with client:
                pass

    run(body())


def test_a_broker_that_accepts_and_says_nothing_is_no_broker() -> None:
    async def body() -> None:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(RetryLater):
                async with Client(Link(url=f"mqtt://127.0.0.1:{port}", client_id="x"), patience=0.3):
                    pass

    run(body())


def test_a_silent_peer_is_given_up(broker: Broker) -> None:
    async def body() -> None:
        async with Client(link(broker, "x", keepalive=1)) as client:
            broker.process.send_signal(19)
            try:
                assert client._connection is not None
                reason = await asyncio.wait_for(asyncio.shield(client._connection.lost), 60)
            finally:
                broker.process.send_signal(18)
            assert "nothing heard" in reason
            await client.changed(1)

    run(body())


def test_a_healthy_idle_connection_stays(broker: Broker) -> None:
    async def body() -> None:
        async with Client(link(broker, "x", keepalive=1)) as client:
            await asyncio.sleep(2.5)
            assert client.connects == 1
            await client.publish("t", b"")

    run(body())


async def taken_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, then says that another client took the session over (MQTT 5 section 3.1.4)."""
    await reader.read(4_096)
    writer.write(b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8e\x00")
    await reader.read()
    writer.close()


def test_a_second_client_of_the_same_name_stops_the_first() -> None:
    async def body() -> None:
        server = await asyncio.start_server(taken_over, "127.0.0.1", 0)
        async with server:
            url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with Client(Link(url=url, client_id="twin")) as client:
                with pytest.raises(Stop, match="twin"):
                    await client.receive()
                with pytest.raises(Stop):
                    client.publish_soon("t", b"")

    run(body())


def with_passwords(broker: Broker) -> None:
    """Let in nobody but `meter` with the password `s3/cret`."""
    broker.terminate()
    passwords = broker.directory / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "meter", "s3/cret"], check=True)
    access = broker.directory / "access"
    access.write_text("user meter\ntopic readwrite open/#\n")
    config = broker.directory / "mosquitto.conf"
    text = config.read_text().replace("allow_anonymous true", "allow_anonymous false")
    config.write_text(f"{text}password_file {passwords}\nacl_file {access}\n")
    start(broker)


def start(broker: Broker) -> None:
    """The broker with its configuration as it now stands."""
    command = [str(broker._program), "-c", str(broker.directory / "mosquitto.conf")]
    broker.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("version", [5, 4])
def test_credentials(broker: Broker, version: int) -> None:
    with_passwords(broker)

    async def body() -> None:
        for user in ("", "meter:wrong@", "nobody:s3%2Fcret@"):
            url = broker.url.replace("//", f"//{user}")
            with pytest.raises(Stop) as caught:
                async with Client(Link(url=url, client_id="x", version=version)):
                    pass
            assert "wrong@" not in str(caught.value)
        url = broker.url.replace("//", "//meter:s3%2Fcret@")
        async with Client(Link(url=url, client_id="x", version=version)) as client:
            await client.subscribe(["open/x"])
            await client.publish("open/x", b"1")
            assert await collect(client, 1) == [b"1"]
            if version == 5:
                with pytest.raises(Reject):
                    await client.publish("closed/x", b"1")

    run(body())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
def test_tls_needs_a_certificate_we_trust(broker: Broker) -> None:
    broker.terminate()
    certificate, key = broker.directory / "certificate.pem", broker.directory / "key.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -keyout {key} "
        f"-out {certificate} -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1".split(),
        check=True,
        capture_output=True,
    )
    config = broker.directory / "mosquitto.conf"
    text = config.read_text().replace("127.0.0.1\n", f"127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n", 1)
    config.write_text(text)
    start(broker)
    url = broker.url.replace("mqtt:", "mqtts:")

    async def body() -> None:
        async with Client(Link(url=url, client_id="x", ca_file=certificate)) as client:
            await client.subscribe(["t"])
            await client.publish("t", bytes(1_000_000))
            assert await collect(client, 1) == [bytes(1_000_000)]
        with pytest.raises(Stop, match="certificate"):
            async with Client(Link(url=url, client_id="x")):
                pass
        with pytest.raises(Stop, match="PEM"):
            async with Client(Link(url=url, client_id="x", ca_file=broker.directory / "none.pem")):
                pass

    run(body())


def test_a_closed_client_says_so(broker: Broker) -> None:
    async def body() -> None:
        async with Client(link(broker, "x", clean_start=True)) as client:
            receiving = asyncio.create_task(client.receive())
            await asyncio.sleep(0)
        for call in (receiving, client.publish("t", b""), client.subscribe(["t"]), client.changed()):
            with pytest.raises(Stop, match="closed"):
                await call
        async with client:
            await client.publish("t", b"")

    run(body())


async def old_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Knows MQTT 3.1.1 only: refuses another level as MQTT 3.1.1 section 3.1.2.2 asks, confirms what comes."""
    connect = await reader.read(4_096)
    writer.write(b"\x20\x02\x00\x00" if connect[8] == 4 else b"\x20\x02\x00\x01")
    if connect[8] == 4:
        await reader.read(4_096)
        writer.write(b"\x40\x02\x00\x01")
        await reader.read()
    writer.close()


def test_a_broker_that_refuses_version_5_is_spoken_to_in_3_1_1() -> None:
    async def body() -> None:
        server = await asyncio.start_server(old_broker, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with Client(Link(url=f"mqtt://127.0.0.1:{port}", client_id="x")) as client:
                await asyncio.wait_for(client.publish("t", b"1"), 60)
                assert client.connects == 1

    run(body())


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "mqtt://", "mqtt://host:port", "127.0.0.1:1883"])
def test_a_wrong_url_stops_with_a_word_on_how_it_should_read(url: str) -> None:
    async def body() -> None:
        with pytest.raises(Stop, match="mqtt://host:1883"):
            async with Client(Link(url=url, client_id="x")):
                pass

    run(body())


def test_a_session_dropped_ten_times_under_load_loses_nothing(broker: Broker) -> None:
    async def body() -> None:
        async with (
            Client(link(broker, "receiver")) as receiver,
            Client(link(broker, "sender", session_expiry=60), jitter=lambda: 0.0) as sender,
        ):
            await receiver.subscribe(["t"])
            got: set[bytes] = set()

            async def receive() -> None:
                while len(got) < 5_000:
                    inbox = await receiver.receive()
                    got.update(inbox.payloads)
                    receiver.acknowledge(inbox)

            async def disturb() -> None:
                for _ in range(5):
                    await asyncio.sleep(0.02)
                    await drop(receiver)
                    await drop(sender)

            receiving, disturbing = asyncio.create_task(receive()), asyncio.create_task(disturb())
            for begin in range(0, 5_000, 500):
                await asyncio.gather(*(sender.publish("t", b"%d" % n) for n in range(begin, begin + 500)))
            await disturbing
            await receiving

    run(body())
