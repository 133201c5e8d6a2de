"""The ingest service on real brokers and stores: no window throttles it, a slow store bounds it, several share it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bus import messages, senml
from bus.client import Client, Inbox, Link
from bus.messages import Birth
from bus.topics import Topic
from dayuan.broker import _start, end
from ingest import service
from ingest.pipeline import Pipeline
from ingest.service import WHOLE
from ingest.share import Part, shares
from ingest.turn import Turn
from schema.instant import DAY, SECOND, now
from schema.reading import Reading
from schema.series import SeriesKey
from schema.stream import Position
from schema.text import Text
from store.registry import deadletters
from store.registry.base import Registry
from store.registry.migrate import tables
from store.registry.progress import StreamProgress
from store.registry.worklist import Unsettled
from store.series.duckdb import DuckStore
from store.series.influx import InfluxStore
from store.series.influx_settings import InfluxSettings
from store.series.port import SeriesStore
from tests.broker import Broker, mosquitto
from tests.servers import free_port, influxdb

pytestmark = pytest.mark.broker

METERS = 4
BEGIN = now() - DAY
_STRICT = Path(__file__).parents[2] / ".tools/backports/usr/sbin/mosquitto"


def run(body: Coroutine[Any, Any, None]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60):
            await body

    asyncio.run(whole())


class House:
    """An ingest's store and registry, which several pipelines may share."""

    def __init__(self, folder: Path, store: SeriesStore | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.store = store or DuckStore(folder / "readings.duckdb")
        self.registry = Registry(f"sqlite:///{folder / 'registry.db'}")
        tables().metadata.create_all(self.registry.engine)

    def pipeline(self) -> Pipeline:
        return Pipeline(self.store, self.registry, now)

    def close(self) -> None:
        self.store.close()
        self.registry.close()

    def stored(self) -> dict[SeriesKey, list[float]]:
        keys = self.store.series()
        batch = self.store.read(keys, 0, BEGIN + 2 * DAY)
        return {key: batch.of_series(key).value.tolist() for key in keys}

    def acknowledged(self) -> dict[str, tuple[int, str]]:
        with self.registry.reading() as session:
            return {row.agent: (row.seq, row.above) for row in session.query(StreamProgress)}

    def work(self) -> dict[str, tuple[int | None, int | None]]:
        with self.registry.reading() as session:
            return {row.device: (row.low, row.high) for row in session.query(Unsettled)}

    def parked(self) -> dict[str, int]:
        with self.registry.reading() as session:
            return deadletters.counts(session)


@contextmanager
def house(folder: Path, store: SeriesStore | None = None) -> Iterator[House]:
    one = House(folder, store)
    try:
        yield one
    finally:
        one.close()


def link(url: str, name: str, **terms: Any) -> Link:
    return Link(url=url, client_id=name, **({"longest_backoff": 0.2} | terms))


@asynccontextmanager
async def serving(link_: Link, line: Pipeline, part: Part = WHOLE) -> AsyncIterator[Client]:
    """An ingest at work for the block."""
    async with Client(link_) as client:
        task = asyncio.create_task(service.run(client, line, "dayuan", part))
        try:
            yield client
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def births(agent: str, buildings: Sequence[str] = ("hall",)) -> list[tuple[str, bytes]]:
    sent = []
    for at in range(METERS):
        topic = Topic("dayuan", "demo", buildings[at % len(buildings)], "electricity_meter", f"{agent}-{at}", "state")
        birth = Birth(title=Text("表", "Meter"), interval=1.0, position=Position(agent, "e", at + 1))
        sent.append((topic.path(), messages.encode_state(birth)))
    return sent


def packs(agent: str, count: int, buildings: Sequence[str] = ("hall",)) -> list[tuple[str, bytes]]:
    sent = []
    for at in range(count):
        device = f"{agent}-{at % METERS}"
        topic = Topic(
            "dayuan", "demo", buildings[at % METERS % len(buildings)], "electricity_meter", device, "readings"
        )
        reading = Reading(device, "power", BEGIN + at // METERS * SECOND, float(at), "kW")
        sent.append((topic.path(), senml.encode("demo", [reading], Position(agent, "e", METERS + at + 1))))
    return sent


async def publish(client: Client, sent: Sequence[tuple[str, bytes]]) -> None:
    await asyncio.gather(*(client.publish(path, payload, retain=path.endswith("/state")) for path, payload in sent))


async def acknowledged(place: House, agent: str, seq: int) -> None:
    while (await asyncio.to_thread(place.acknowledged)).get(agent) != (seq, "[]"):  # noqa: ASYNC110 - it is a database
        await asyncio.sleep(0.05)


@contextmanager
def strict_broker(folder: Path) -> Iterator[str]:
    """A mosquitto that keeps the receive window, with its own default of 20 messages in flight; its url."""
    if not _STRICT.exists():
        pytest.skip("no Mosquitto that keeps the receive window: scripts/setup window")
    folder.mkdir()
    port, config = free_port(), folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nuser root\n")
    process = _start(_STRICT, config, port)
    try:
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        end(process)


def test_the_strict_broker_sends_one_more_for_one_acknowledged(tmp_path: Path) -> None:
    """What the next two tests stand on; Debian's 2.0.11 sends ten more."""

    async def body(url: str) -> None:
        async with (
            Client(link(url, "receiver", receive_maximum=10)) as receiver,
            Client(link(url, "sender", clean_start=True)) as sender,
        ):
            await receiver.subscribe(["t"])
            await asyncio.gather(*(sender.publish("t", b"%d" % number) for number in range(100)))
            first = await receiver.receive()
            while len(first.ids) < 10:
                more = await receiver.receive()
                first = Inbox(
                    first.topics + more.topics, first.payloads + more.payloads, first.ids + more.ids, first.generation
                )
            receiver.acknowledge(Inbox(first.topics[:1], first.payloads[:1], first.ids[:1], first.generation))
            await asyncio.sleep(0.2)
            assert (len(first.ids), receiver.waiting) == (10, 1)

    with strict_broker(tmp_path / "broker") as url:
        run(body(url))


@pytest.mark.parametrize(
    "terms", [{"receive_maximum": 20}, {"receive_maximum": 250}, {"version": 4}], ids=["20", "250", "3.1.1"]
)
def test_a_kept_window_of_any_size_does_not_stop_acknowledging_after_the_write(
    tmp_path: Path, terms: dict[str, int]
) -> None:
    async def body(url: str, place: House) -> None:
        async with (
            Client(link(url, "sender", clean_start=True)) as sender,
            serving(link(url, "ingest", **terms), place.pipeline()),
        ):
            await publish(sender, births("a"))
            await acknowledged(place, "a", METERS)
            await publish(sender, packs("a", 2_000))
            await acknowledged(place, "a", METERS + 2_000)

    with strict_broker(tmp_path / "broker") as url, house(tmp_path / "house") as place:
        run(body(url, place))
        assert sorted(value for values in place.stored().values() for value in values) == [*map(float, range(2_000))]


def test_our_own_receive_maximum_makes_large_turns_whatever_the_broker_sends_others(tmp_path: Path) -> None:
    class Counting(Pipeline):
        turns: list[int]

        def take(self, paths: Sequence[str], payloads: Sequence[bytes]) -> Turn:
            self.turns.append(len(paths))
            return super().take(paths, payloads)

    async def body(url: str, place: House) -> None:
        line = Counting(place.store, place.registry, now)
        line.turns = []
        async with Client(link(url, "sender", clean_start=True)) as sender:
            async with Client(link(url, "ingest")) as early:
                await early.subscribe(Part().filters("dayuan", ()))
            await publish(sender, packs("a", 3_000))
            await publish(sender, births("a"))
            async with serving(link(url, "ingest"), line):
                await acknowledged(place, "a", METERS + 3_000)
        assert max(line.turns) > 500

    with strict_broker(tmp_path / "broker") as url, house(tmp_path / "house") as place:
        run(body(url, place))


@pytest.mark.influx
@pytest.mark.parametrize("dead", [False, True], ids=["stopped", "killed"])
def test_a_store_that_is_away_leaves_the_queue_with_the_broker(tmp_path: Path, *, dead: bool) -> None:
    """Ingest holds no more than its receive maximum, however much waits; all of it arrives when the store is back."""
    most, count = 500, 6_000

    async def body(url: str, place: House, port: int, process: int) -> None:
        async with (
            Client(link(url, "sender", clean_start=True)) as sender,
            serving(link(url, "ingest", receive_maximum=most), place.pipeline()) as client,
        ):
            await publish(sender, births("a"))
            await acknowledged(place, "a", METERS)
            os.kill(process, signal.SIGKILL if dead else signal.SIGSTOP)
            await publish(sender, packs("a", count))
            await asyncio.sleep(0.5)
            # One read of the socket may go beyond the bound, no more.
            held = client._inflow._held
            assert held < most + (1 << 18) / 100
            assert place.acknowledged()["a"][0] < METERS + count - most
            if dead:
                with influxdb(tmp_path / "influx", port):
                    await acknowledged(place, "a", METERS + count)
                    assert len(place.stored()) == METERS
            else:
                os.kill(process, signal.SIGCONT)
                await acknowledged(place, "a", METERS + count)
                assert sum(map(len, place.stored().values())) == count

    (tmp_path / "influx").mkdir()
    with mosquitto(tmp_path / "broker") as broker, influxdb(tmp_path / "influx") as server:
        store = InfluxStore(InfluxSettings.of(f"influxdb://127.0.0.1:{server.port}/readings"))
        with house(tmp_path / "house", store) as place:
            run(body(broker.url, place, server.port, server.process.pid))


def test_a_broker_is_tried_for_shared_subscriptions(tmp_path: Path) -> None:
    async def body(broker: Broker) -> None:
        assert await shares(link(broker.url, "probe", clean_start=True))

    with mosquitto(tmp_path / "broker") as broker:
        run(body(broker))


def test_a_broker_that_grants_a_share_and_delivers_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As NATS does, which takes `$share/...` for a topic like any other; a TCP peer that says no more than it."""
    monkeypatch.setattr("ingest.share._PATIENCE", 0.3)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {0x10: b"\x20\x02\0\0", 0x80: b"\x90\x03%s\x01", 0x30: b"\x40\x02%s"}
        while head := await reader.read(1):
            body = await reader.readexactly((await reader.readexactly(1))[0])
            kind = head[0] & 0xF0
            if kind == 0xE0:
                break
            at = 2 + int.from_bytes(body[:2], "big") if kind == 0x30 else 0
            answer = answers.get(kind, b"")
            writer.write(answer % body[at : at + 2] if b"%s" in answer else answer)
        writer.close()

    async def body() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            assert not await shares(link(f"mqtt://127.0.0.1:{port}", "probe", clean_start=True, version=4))

    run(body())


@pytest.mark.influx
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "by building"])
def test_three_processes_end_in_the_books_of_one(tmp_path: Path, *, shared: bool) -> None:
    """Births come while readings do, one of the three is killed and comes back; agents send again what is not said."""
    buildings = ("hall", "annex", "canteen", "gatehouse")
    agents, count = ("a", "b"), 1_200
    sent = {agent: births(agent, buildings) + packs(agent, count, buildings) for agent in agents}

    async def insist(url: str, place: House) -> None:
        """Send everything, and again what is not yet acknowledged, as agents do."""
        async with Client(link(url, "sender", clean_start=True)) as sender:
            while True:
                done = await asyncio.to_thread(place.acknowledged)
                missing = [one for agent in agents for one in sent[agent][done.get(agent, (0, ""))[0] :]]
                if not missing:
                    return
                await publish(sender, missing)
                await asyncio.sleep(0.5)

    async def several(url: str, place: House) -> None:
        parts = [Part(number, 3, shared) for number in (1, 2, 3)]
        async with (
            serving(link(url, "one"), place.pipeline(), parts[0]) as one,
            serving(link(url, "two"), place.pipeline(), parts[1]) as two,
        ):
            async with serving(link(url, "three"), place.pipeline(), parts[2]) as three:
                work = asyncio.create_task(insist(url, place))
                await asyncio.sleep(0.2)
                three._life.cancel()
            async with serving(link(url, "three"), place.pipeline(), parts[2]):
                await work
            assert one.connects == two.connects == 1

    async def alone(url: str, place: House) -> None:
        async with serving(link(url, "one"), place.pipeline()):
            await insist(url, place)

    books = []
    (tmp_path / "influx").mkdir()
    with influxdb(tmp_path / "influx") as server:
        for name, work in (("one", alone), ("several", several)):
            store = InfluxStore(InfluxSettings.of(f"influxdb://127.0.0.1:{server.port}/{name}"))
            with mosquitto(tmp_path / name / "broker") as broker, house(tmp_path / name, store) as place:
                run(work(broker.url, place))
                books.append((place.stored(), place.work(), place.acknowledged()))
                assert "taken" not in place.parked()
    assert books[0] == books[1]
    assert sum(map(len, books[0][0].values())) == len(agents) * count


def test_what_a_killed_part_holds_is_taken_in_by_the_others_when_agents_send_it_again(tmp_path: Path) -> None:
    """The broker goes on to give a dead session its share; that part never comes back here."""
    count = 300
    sent = births("a") + packs("a", count)

    async def body(url: str, place: House) -> None:
        second = place.pipeline()
        async with (
            Client(link(url, "sender", clean_start=True)) as sender,
            serving(link(url, "one"), place.pipeline(), Part(1, 2)),
        ):
            async with serving(link(url, "two"), second, Part(2, 2)) as two:
                await publish(sender, sent[:METERS])
                while second.counts.messages < METERS:  # noqa: ASYNC110 - it has no event for that
                    await asyncio.sleep(0.02)
                two._life.cancel()
            await publish(sender, sent[METERS:])
            await asyncio.sleep(0.5)
            assert 0 < sum(map(len, place.stored().values())) < count
            while (known := place.acknowledged()["a"])[0] < len(sent):
                have = [range(first, last + 1) for first, last in json.loads(known[1])]
                wanted = range(known[0] + 1, len(sent) + 1)
                await publish(sender, [sent[seq - 1] for seq in wanted if not any(seq in span for span in have)])
                await asyncio.sleep(0.1)

    with mosquitto(tmp_path / "broker") as broker, house(tmp_path) as place:
        run(body(broker.url, place))
        assert sum(map(len, place.stored().values())) == count


def test_every_part_is_owned_once_and_a_session_forgets_what_it_was() -> None:
    places = {("demo", f"b{number}") for number in range(40)}
    shares_of_three = [Part(number, 3, shared=False).filters("dayuan", places) for number in (1, 2, 3)]
    owned = [text for filters in shares_of_three for text in filters]
    assert len(owned) == len(set(owned)) == 2 * len(places)
    assert all(shares_of_three)
    assert set(Part(1, 2).others("dayuan", [])) == {"dayuan/+/+/+/+/readings", "dayuan/+/+/+/+/events"}
    assert "$share/ingest/dayuan/+/+/+/+/readings" in Part().others("dayuan", places)
    assert not set(Part(2, 3, shared=False).others("dayuan", places)) & set(shares_of_three[1])


@pytest.mark.parametrize("text", ["0/1", "2/1", "1", "1/", "a/b", "1/100"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2/3"):
        Part.parse(text)
