"""Foreign payloads through a real broker into the store and the books: each dialect, lost messages, a restart."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from analytics.service import Analytics
from bus import sparkplug
from bus.client import Client, Link
from dayuan import services
from dayuan.child import bound
from dayuan.doctor import Check, examine
from dayuan.parts import Parts
from dayuan.settings import Broker as BrokerSettings
from dayuan.settings import Ingest, Settings, Sparkplug
from edge.agent import Agent
from edge.settings import AgentSettings
from edge.settings import Device as AgentDevice
from schema.batch import Batch
from schema.instant import HOUR, MINUTE, now, to_datetime
from schema.reading import Reading
from schema.series import SeriesKey
from schema.text import Text
from store.registry import deadletters
from store.registry.alarms import Alarm
from store.registry.base import Registry
from store.registry.migrate import tables
from store.registry.places import Device
from store.series.duckdb import DuckStore
from tests.broker import mosquitto
from tests.ingest.edge_node import EdgeNode, Message

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
STATE = "spBv1.0/STATE/office"
BOILER = SeriesKey("demo", "boiler", "electricity_meter", "boiler-elec", "energy")


class House:
    """An ingest as the settings make it, a client beside it, and the live rows it told of."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.live: list[Batch] = []

    @asynccontextmanager
    async def ingest(self) -> AsyncIterator[Client]:
        """Ingest runs, and has subscribed; the client beside it hears our STATE and what edge nodes are told."""
        task = asyncio.create_task(services.ingest(self.parts, services.pipeline(self.parts, self.live.append)))
        link = Link(url=self.parts.settings.broker_url, client_id="field", clean_start=True)
        async with Client(link) as client:
            await client.subscribe([STATE, "spBv1.0/+/NCMD/#"])
            try:
                await heard(client, lambda topic, payload: topic == STATE and json.loads(payload)["online"])
                yield client
                # What is stored is acknowledged a moment later; before, it would rightly come again.
                await asyncio.sleep(0.5)
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                await heard(client, lambda topic, payload: topic == STATE and not json.loads(payload)["online"])

    def values(self, key: SeriesKey) -> list[float]:
        values: list[float] = self.parts.store.read([key], 0, now() + HOUR).value.tolist()
        return values

    async def wait(self, key: SeriesKey, *expected: float) -> None:
        """Return when the store has these values of a series."""
        for _ in range(1200):
            if self.values(key) == pytest.approx(expected):
                return
            await asyncio.sleep(0.05)
        assert self.values(key) == pytest.approx(expected), self.parked()

    def parked(self) -> dict[str, int]:
        with self.parts.registry.reading() as session:
            return deadletters.counts(session)

    def book(self, key: SeriesKey) -> float:
        """All that the books have of a register."""
        service = Analytics(self.parts.store, self.parts.registry, now)
        while service.step().more:
            pass
        return sum(self.values(key.intervals()))


async def heard(client: Client, wanted: Callable[[str, bytes], Any]) -> None:
    """Return when a message was heard."""
    async with asyncio.timeout(60):
        while True:
            inbox = await client.receive()
            client.acknowledge(inbox)
            if any(wanted(topic, payload) for topic, payload in zip(inbox.topics, inbox.payloads, strict=True)):
                return


async def send(client: Client, *messages: Message, qos: int = 0) -> None:
    for path, payload in messages:
        await client.publish(path, payload, qos=qos)


@contextmanager
def house(folder: Path) -> Iterator[House]:
    (folder / "broker").mkdir()
    mappings = sorted((ROOT / "deploy/mappings").glob("*.toml"))
    with mosquitto(folder / "broker") as broker, furnished(folder, broker.url, mappings) as parts:
        yield House(parts)


@contextmanager
def furnished(folder: Path, broker: str, mappings: list[Path]) -> Iterator[Parts]:
    settings = Settings(
        data=folder / "data",
        broker=BrokerSettings(url=broker),
        ingest=Ingest(mappings=mappings),
        sparkplug=Sparkplug(host="office", reorder_seconds=0.2),
    )
    store, registry = DuckStore(folder / "readings.duckdb"), Registry(f"sqlite:///{folder / 'registry.db'}")
    tables().metadata.create_all(registry.engine)
    yield Parts(settings, store, registry, "secret")
    store.close()
    registry.close()


def meter(time: int) -> EdgeNode:
    """The edge node that deploy/mappings/sparkplug.toml is about, its clock an hour and a half ago."""
    return EdgeNode({"Energy/Import": None, "P total": "W"}, edge="BOILER-PLC", time=(time - 90 * MINUTE) // 1000)


def test_sparkplug_from_birth_through_loss_and_restart_to_the_books(tmp_path: Path) -> None:
    with house(tmp_path) as ours:
        node = meter(now())
        asyncio.run(_sparkplug(ours, node))
        assert ours.book(BOILER) == pytest.approx(0.005)
        with ours.parts.registry.reading() as session:
            device = session.scalars(select(Device)).one()
        assert (device.site, device.building, device.kind, device.id) == BOILER[:4]
        assert (device.title_zh, device.interval, device.state) == ("锅炉房电表", 10.0, "offline")
        live = Batch.concat(ours.live)
        assert 0.0045 not in [round(value, 9) for value in live.of_series(BOILER).value.tolist()]


async def _sparkplug(ours: House, node: EdgeNode) -> None:
    def asked(topic: str, payload: bytes) -> bool:
        return topic == "spBv1.0/PLANT/NCMD/BOILER-PLC" and sparkplug.decode(payload).metrics[0].value == 1

    def told(energy: float, *, historical: bool = False) -> Message:
        node.time += 10 * MINUTE // 1000
        return node.data(historical=historical, **{"Energy/Import": energy})

    async with ours.ingest() as client:
        await send(client, *node.births(**{"Energy/Import": 0.0}), told(1.0))
        await ours.wait(BOILER, 0, 0.001)
        told(2.0)
        await send(client, told(3.0))
        await heard(client, asked)
        await send(client, *node.births(**{"Energy/Import": 3.5}))
        await ours.wait(BOILER, 0, 0.001, 0.003, 0.0035)
    async with ours.ingest() as client:
        await send(client, told(4.0))
        await heard(client, asked)
        await send(client, *node.births(), told(4.5, historical=True), told(5.0))
        await ours.wait(BOILER, 0, 0.001, 0.003, 0.0035, 0.004, 0.0045, 0.005)
        await send(client, node.death())
        await asyncio.sleep(0.3)


def test_foreign_json_reaches_the_books(tmp_path: Path) -> None:
    with house(tmp_path) as ours:
        asyncio.run(_json(ours))
        assert ours.book(SeriesKey("demo", "hall", "electricity_meter", "hall-boiler", "energy")) == pytest.approx(0.5)
        assert ours.book(SeriesKey("demo", "canteen", "water_meter", "canteen-water", "volume")) == pytest.approx(0.02)
        assert ours.parked() == {"undeclared_device": 1, "undecodable": 1}
        with ours.parts.registry.reading() as session:
            assert len(session.scalars(select(Device)).all()) == 9


async def _json(ours: House) -> None:
    begin = now() - HOUR
    ends = [begin, begin + 20 * MINUTE]
    local = [to_datetime(time + 8 * HOUR).replace(tzinfo=None).isoformat() for time in ends]
    tasmota = [{"Time": at, "ENERGY": {"Total": total}} for at, total in zip(local, (100, 100.5), strict=True)]
    gateway = {
        "data": [
            {"ts": time // 1000, "meters": [{"sn": "202409120018", "values": [{"code": "VOL", "val": str(100 + at)}]}]}
            for at, time in enumerate([*ends, ends[-1] + 20 * MINUTE])
        ]
    }
    zigbee = {"temperature": 22.5, "last_seen": to_datetime(begin).isoformat()}
    shelly = {"method": "NotifyStatus", "params": {"ts": begin / 1e6, "switch:0": {"apower": 97.2}}}
    async with ours.ingest() as client:
        await client.publish("shellies/shellyplug-s-7A36A2/relay/0/power", b"1", retain=True)
        for path, told in (
            ("tele/hall-plug/SENSOR", tasmota[0]),
            ("tele/hall-plug/SENSOR", tasmota[1]),
            ("tele/hall-plug/SENSOR", None),
            ("energy/upload/GW1", gateway),
            ("zigbee2mqtt/0x00158d0004a1b2c3", zigbee),
            ("zigbee2mqtt/stranger", zigbee),
            ("shelly/shellyplusplugs-80646fc4a1b0/events/rpc", shelly),
            ("shellies/shellyplug-s-7A36A2/relay/0/power", 98.1),
        ):
            await client.publish(path, b"rubbish" if told is None else json.dumps(told).encode())
        await ours.wait(SeriesKey("demo", "gatehouse", "electricity_meter", "gatehouse-heater", "power"), 0.001, 0.0981)
    await ours.wait(SeriesKey("demo", "office", "room_sensor", "office-301-air", "temperature"), 22.5)
    await ours.wait(SeriesKey("demo", "office", "electricity_meter", "office-fountain", "power"), 0.0972)
    async with ours.ingest():
        await asyncio.sleep(0.3)
    # What the broker retained is no new reading to an ingest that starts again.
    await ours.wait(SeriesKey("demo", "gatehouse", "electricity_meter", "gatehouse-heater", "power"), 0.001, 0.0981)


def test_a_mapping_that_is_taken_out_is_no_longer_subscribed(tmp_path: Path) -> None:
    async def told(ours: House) -> None:
        async with ours.ingest():
            pass
        fewer = ours.parts.settings.model_copy(update={"ingest": Ingest()})
        without = House(replace(ours.parts, settings=fewer))
        async with without.ingest() as client:
            await client.publish("tele/hall-plug/SENSOR", b"rubbish")
            await client.publish("spBv1.0/PLANT/DDATA/X/y", b"rubbish")
            for _ in range(100):
                if ours.parked():
                    break
                await asyncio.sleep(0.05)

    with house(tmp_path) as ours:
        asyncio.run(told(ours))
        assert ours.parked() == {"undecodable": 1}


def test_packs_in_cbor_are_acknowledged_end_to_end_and_reach_the_books(tmp_path: Path) -> None:
    key = SeriesKey("demo", "hall", "electricity_meter", "m1", "energy")
    begin = now() - HOUR
    readings = [Reading("m1", "energy", begin + at * 20 * MINUTE, 10.0 + at, "kWh") for at in range(2)]

    async def told(ours: House) -> None:
        settings = AgentSettings(
            id="box", site="demo", broker=ours.parts.settings.broker_url, outbox=tmp_path / "outbox.db", encoding="cbor"
        )
        async with ours.ingest(), Agent(settings, now, os.urandom) as agent:
            agent.born(AgentDevice(id="m1", kind=key.kind, building=key.building, title=Text("总表", "Main")))
            agent.record(readings)
            await agent.drain(15)
            await ours.wait(key, 10.0, 11.0)

    with house(tmp_path) as ours:
        asyncio.run(told(ours))
        assert ours.book(key) == pytest.approx(1.0)
        assert ours.parked() == {}


COLD = """
site = "demo"
[[sparkplug]]
group = "PLANT"
edge = "GW"
device = "Cabinet"
building = "canteen"
kind = "cold_chain"
"""


@pytest.mark.parametrize("historical", [True, False])
def test_history_told_late_is_stored_and_raises_no_alarm(tmp_path: Path, historical: bool) -> None:
    file = tmp_path / "cold.toml"
    file.write_text(COLD)
    begin = now() - 8 * HOUR
    node = EdgeNode({"Temperature": "°C"}, device="Cabinet", time=begin // 1000)
    messages = node.births()
    for minute in range(8 * 60 - 5):
        node.time = (begin + minute * MINUTE) // 1000
        messages.append(node.data(historical=historical, Temperature=13.0 if minute > 300 else 4.0 + minute % 7 / 10))
    with furnished(tmp_path, "mqtt://127.0.0.1:1", [file]) as parts:
        live: list[Batch] = []
        line = services.pipeline(parts, live.append)
        line.process(*zip(*messages, strict=True))
        service = Analytics(parts.store, parts.registry, now)
        while service.step().more:
            pass
        with parts.registry.reading() as session:
            alarms = [alarm.rule for alarm in session.scalars(select(Alarm)) if alarm.rule != "silent"]
        assert bool(alarms) is not historical
        assert sum(map(len, live)) == (0 if historical else 8 * 60 - 5)
        key = SeriesKey("demo", "canteen", "cold_chain", "cabinet", "temperature")
        assert len(parts.store.read([key], begin - HOUR, now())) == 8 * 60 - 5


def test_a_host_that_dies_without_a_word_is_said_to_be_gone(tmp_path: Path) -> None:
    def said(online: bool) -> Callable[[str, bytes], bool]:
        return lambda topic, payload: topic == STATE and json.loads(payload)["online"] is online

    async def told(ours: House) -> None:
        link = Link(url=ours.parts.settings.broker_url, client_id="field", clean_start=True)
        settings = {"DATA": str(tmp_path / "own"), "BROKER__URL": link.url, "SPARKPLUG__HOST": "office"}
        environment = os.environ | {f"DAYUAN_{name}": value for name, value in settings.items()}
        async with Client(link) as client:
            await client.subscribe([STATE])
            command = bound(sys.executable, "-m", "dayuan", "ingest")
            process = await asyncio.create_subprocess_exec(*command, env=environment)
            try:
                await heard(client, said(online=True))
            finally:
                process.kill()
                await process.wait()
            await heard(client, said(online=False))

    with house(tmp_path) as ours:
        asyncio.run(told(ours))


def test_the_doctor_names_the_line_of_a_wrong_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def payloads(text: str, host: str) -> Check:
        file = tmp_path / "mapping.toml"
        file.write_text(text)
        settings = Settings(data=tmp_path, ingest=Ingest(mappings=[file]), sparkplug=Sparkplug(host=host))
        return next(check for check in examine(lambda: settings) if check.subject == "payloads")

    monkeypatch.setenv("DAYUAN_MOSQUITTO", "/nowhere/mosquitto")
    shipped = (ROOT / "deploy/mappings/sparkplug.toml").read_text()
    assert payloads(shipped, "office").state == "ok"
    unheard = payloads(shipped, "")
    assert (unheard.state, unheard.remedy) == ("warning", "set DAYUAN_SPARKPLUG__HOST to our id as host")
    wrong = payloads(shipped.replace('point = "power"', 'point = "powr"'), "office")
    assert wrong.state == "fault"
    assert "mapping.toml: sparkplug[0].points[1].point" in wrong.finding
    assert "did you mean 'power'?" in wrong.finding
