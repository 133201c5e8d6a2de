"""What is fuzzed: a decoder takes bytes and answers with values that can be true, or with Reject, and nothing else."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bus import messages, senml, senml_cbor, sparkplug
from bus.payload import Rejected
from bus.senml import LATEST, RELATIVE, Pack
from bus.sparkplug import DataType
from ingest.mapped import MappedJson
from ingest.mappings import load
from ingest.sparkplug import HostSettings, SparkplugHost
from schema.errors import Reject
from schema.instant import MINUTE
from schema.reading import Reading
from schema.stream import Position
from store.registry import deadletters
from store.registry.base import Registry
from store.registry.deadletters import Parked
from store.registry.migrate import tables
from tests.ingest.edge_node import EdgeNode
from tests.ingest.test_mapped import GATEWAY, SHELLY, TASMOTA, ZIGBEE

NOW = 1_790_000_000_000_000
_READINGS = [Reading("m1", "energy", NOW + at, 1.5 * at, "kWh") for at in range(3)]
_PACKS = (b'[{"n":"p","v":NaN},{"n":"q","vb":true}]', b'[{"n":"p","v":1,"\\ud800":1},{"n":"\\u0000"}]')
_STRANGER = b'{"data":[{"ts":1790000000000,"meters":[{"sn":"\\ud800\\u0000"}]}]}'
_POSITION = Position("agent", "epoch", 7, 3)
_EXAMPLES = Path(__file__).parents[2] / "deploy/mappings"
_TOPICS = ("tele/hall-plug/SENSOR", "energy/upload/x", "zigbee2mqtt/0x00158d0004a1b2c3",
           "shelly/shellyplusplugs-80646fc4a1b0/events/rpc", "shellies/shellyplug-s-7A36A2/relay/0/power")  # fmt: skip


class Target(NamedTuple):
    """One decoder, and payloads to begin from."""

    try_: Callable[[bytes], None]
    seeds: Sequence[bytes]


def check(pack: Pack) -> None:
    """A pack's rows can be true, and each of its rejects is a payload that is rejected again."""
    assert len(pack.points) == len(pack.units) == len(pack.times) == len(pack.values)
    assert all(RELATIVE <= time < LATEST for time in pack.times)
    assert all(map(math.isfinite, pack.values))
    for reject in pack.rejects:
        check_reject(reject)


def check_reject(reject: Rejected) -> None:
    """What is parked of a pack reads as nothing good when it is read alone."""
    try:
        alone = senml.decode(reject.record_bytes, "demo", "m1", NOW)
    except Reject:
        return
    assert alone.points == [], reject


def _senml(data: bytes) -> None:
    try:
        pack = senml.decode(data, "demo", "m1", NOW)
    except Reject:
        return
    check(pack)
    if pack.points and not pack.rejects:
        columns = zip(pack.points, pack.units, pack.times, pack.values, strict=True)
        readings = [Reading("m1", point, time, value, unit or "") for point, unit, time, value in columns]
        for encode in (senml.encode, senml_cbor.encode):
            again = senml.decode(encode("demo", readings, pack.position), "demo", "m1", NOW)
            assert (again.points, again.times, again.values) == (pack.points, pack.times, pack.values)
            assert again.position == pack.position


def _sparkplug(data: bytes) -> None:
    try:
        payload = sparkplug.decode(data)
    except Reject:
        return
    for metric in payload.metrics:
        for datatype in (None, *DataType):
            try:
                value = sparkplug.number(metric, datatype)
            except Reject:
                continue
            assert value is None or isinstance(value, float)
    again = sparkplug.decode(sparkplug.encode(payload))
    assert sparkplug.encode(again) == sparkplug.encode(payload)
    for reject in payload.rejects:
        assert len(sparkplug.decode(reject.record_bytes).rejects) == 1


_registry = Registry("sqlite://")
tables().metadata.create_all(_registry.engine)
_mapped_json = MappedJson(load(sorted(_EXAMPLES.glob("*.toml")), "dayuan").json)


def _mapped(data: bytes) -> None:
    path = _TOPICS[data[0] % len(_TOPICS)] if data else _TOPICS[0]
    _mapped_json.begin()
    try:
        heard = _mapped_json.read(path, data[1:], NOW)
    except Reject:
        return
    for told in heard.told:
        if isinstance(told.message, Pack):
            assert all(RELATIVE <= time < LATEST for time in told.message.times)
    with _registry.writing() as session:
        deadletters.park(session, [Parked(path, "", "", *fault) for fault in heard.faults], NOW)


_rules = load([_EXAMPLES / "sparkplug.toml"], "dayuan").sparkplug
_KINDS = ("NBIRTH", "DBIRTH", "DDATA", "NDATA", "DDEATH", "NDEATH")


def _host(data: bytes) -> None:
    """A stream of messages: a byte for the kind, two for the length, the payload; at the end all that waits again."""
    host = SparkplugHost(_rules, _registry, "dayuan", HostSettings("office"), NOW)
    host.begin()
    waiting = []
    while len(data) >= 3:
        kind, size = _KINDS[data[0] % len(_KINDS)], int.from_bytes(data[1:3], "big")
        payload, data = data[3 : 3 + size], data[3 + size :]
        path = f"spBv1.0/PLANT/{kind}/BOILER-PLC" + ("/Meter 1" if kind.startswith("D") else "")
        waiting += _hear(host, path, payload, again=False)
    for path, payload in waiting:
        _hear(host, path, payload, again=True)
    host.commit()
    assert len(host.replies(NOW + MINUTE)) <= 2


def _hear(host: SparkplugHost, path: str, payload: bytes, *, again: bool) -> list[tuple[str, bytes]]:
    """What has to wait."""
    try:
        heard = host.read(path, payload, NOW, again=again)
    except Reject as error:
        return [(path, payload)] if error.reason in host.waiting else []
    for told in heard.told:
        assert told.topic.device == "boiler-elec"
        if isinstance(told.message, Pack):
            assert {*told.message.points} <= {"energy", "power"}
            assert all(RELATIVE <= time < LATEST for time in told.message.times)
    return []


def _stream() -> bytes:
    node = EdgeNode({"Energy/Import": None, "P total": "W"}, edge="BOILER-PLC")
    told = [*node.births(), node.data(historical=False, **{"P total": 2.0})]
    told += [node.data(historical=True, **{"Energy/Import": 1.0}), node.device_death(), node.death()]
    parts = [(_KINDS.index(path.split("/")[2]), payload) for path, payload in told]
    return b"".join(bytes([kind]) + len(payload).to_bytes(2, "big") + payload for kind, payload in parts)


def _messages(data: bytes) -> None:
    for decode in (messages.decode_state, messages.decode_events, messages.decode_ack):
        try:
            decode(data)
        except Reject:
            continue


def _node() -> list[bytes]:
    node = EdgeNode({"EP": "kWh", "P": None})
    told = [*node.births(EP=1.0, P=2.0), node.data(EP=3.0), node.device_death(), node.death()]
    return [payload for _, payload in told]


TARGETS = {
    "senml": Target(_senml, [senml.encode("demo", _READINGS, _POSITION), *_PACKS]),
    "senml_cbor": Target(
        _senml, [senml_cbor.encode("demo", _READINGS, _POSITION), bytes.fromhex("82a2006161 02c48221196ab3 a10060")]
    ),
    "sparkplug": Target(_sparkplug, _node()),
    "host": Target(_host, [_stream()]),
    "mapped": Target(
        _mapped,
        [bytes([at]) + json.dumps(told).encode() for at, told in enumerate((TASMOTA, GATEWAY, ZIGBEE, SHELLY, 98.1))]
        + [b"\1" + _STRANGER],
    ),
    "messages": Target(_messages, [b'{"state":"online","title":{"zh":"a","en":"b"},"interval":60}']),
}
