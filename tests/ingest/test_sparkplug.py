"""The Sparkplug host: births, aliases, lost messages, restarts, and nothing but a Reject for damage."""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus import sparkplug
from bus.messages import Birth, Death
from bus.senml import Pack
from ingest.dialects import Fault, Heard, Reply
from ingest.mappings import Mappings, load
from ingest.sparkplug import HostSettings, SparkplugHost
from ingest.sparkplug_node import Node
from schema.errors import Reject
from schema.instant import DAY, MINUTE, SECOND
from store.registry import deadletters
from store.registry.base import Registry
from store.registry.migrate import tables
from tests.ingest.edge_node import EdgeNode, Message

NOW = 1_790_000_100 * SECOND
METER = "dayuan/demo/boiler/electricity_meter/meter-1"
RULES = """
site = "demo"
[[sparkplug]]
group = "PLANT"
edge = "+"
device = "+"
building = "boiler"
kind = "electricity_meter"
points = [{ metric = "EP", point = "energy", unit = "Wh" }]
"""
METRICS = {"EP": None, "Power": "kW"}


class Host:
    """A host with the letters it has parked, and a clock."""

    def __init__(self, registry: Registry, mappings: Mappings) -> None:
        self.registry = registry
        self.mappings = mappings
        self.now = NOW
        self.parked: list[tuple[str, bytes, str]] = []
        self.faults: list[Fault] = []
        self.said: list[str] = []
        self.start()

    def start(self) -> None:
        """A new process."""
        self.dialect = SparkplugHost(
            self.mappings.sparkplug, self.registry, "dayuan", HostSettings("office"), since=NOW
        )

    def hear(self, *messages: Message) -> list[Heard]:
        """A turn of messages, letters that waited read again as the pipeline does."""
        self.dialect.begin()
        heard = [told for message in messages for told in self._read(*message)]
        with self.registry.writing() as session:
            self.dialect.save(session, self.now)
        self.dialect.commit()
        return heard

    def _read(self, path: str, payload: bytes, *, again: bool = False) -> Iterator[Heard]:
        try:
            heard = self.dialect.read(path, payload, self.now, again=again)
        except Reject as error:
            self.parked.append((path, payload, error.reason))
            return
        waits = [fault for fault in heard.faults if fault.reason in self.dialect.waiting]
        self.parked += [(path, fault.payload, fault.reason) for fault in waits]
        self.said += [fault.detail for fault in waits]
        self.faults += [fault for fault in heard.faults if fault not in waits]
        yield heard
        for prefix in heard.again:
            waiting = [one for one in self.parked if one[0].startswith(prefix) and one[2] in self.dialect.waiting]
            self.parked = [one for one in self.parked if one not in waiting]
            for letter in waiting:
                yield from self._read(letter[0], letter[1], again=True)

    def values(self, *messages: Message) -> list[tuple[str, str | None, float]]:
        """The readings of a turn."""
        return [
            (point, unit, value)
            for heard in self.hear(*messages)
            for told in heard.told
            if isinstance(told.message, Pack)
            for point, unit, value in zip(told.message.points, told.message.units, told.message.values, strict=True)
        ]

    def asks(self) -> list[Reply]:
        """Rebirth requests that are due."""
        return [reply for reply in self.dialect.replies(self.now) if "/NCMD/" in reply.topic]

    def reasons(self) -> list[str]:
        return [reason for _, _, reason in self.parked] + [fault.reason for fault in self.faults]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    registry = Registry(f"sqlite:///{tmp_path / 'registry.db'}")
    tables().metadata.create_all(registry.engine)
    file = tmp_path / "mapping.toml"
    file.write_text(RULES)
    yield Host(registry, load([file], "dayuan"))
    registry.close()


def test_a_birth_introduces_the_device_and_its_values(host: Host) -> None:
    node = EdgeNode(METRICS)
    told = [one for heard in host.hear(*node.births(EP=1500.0)) for one in heard.told]
    assert [(one.topic.path(), type(one.message)) for one in told] == [
        (f"{METER}/state", Birth),
        (f"{METER}/readings", Pack),
    ]
    pack = told[1].message
    assert isinstance(pack, Pack)
    assert (pack.points, pack.units, pack.values, pack.times) == (["energy"], ["Wh"], [1500.0], [node.time * 1000])
    assert host.asks() == []


def test_aliases_and_units_come_from_the_birth(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    assert host.values(node.data(EP=1.5, Power=2.0)) == [("energy", "Wh", 1.5), ("power", "kW", 2.0)]


def test_historical_readings_are_marked_and_transient_ones_dropped(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    [heard] = host.hear(node.data(historical=True, EP=1.0))
    assert [told.historical for told in heard.told] == [True]


def test_numbers_run_round(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    for at in range(600):
        assert host.values(node.data(EP=float(at))) == [("energy", "Wh", float(at))]
    assert host.reasons() == []
    assert host.asks() == []


def test_a_message_out_of_order_waits_for_the_one_before_it(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    first, second, third = (node.data(EP=float(at)) for at in range(3))
    assert host.values(second) == []
    assert host.values(third) == []
    assert host.reasons() == ["seq_gap", "seq_gap"]
    assert [value for _, _, value in host.values(first)] == [0.0, 1.0, 2.0]
    host.now += MINUTE
    assert host.asks() == []
    assert host.reasons() == []


def test_what_the_broker_delivers_twice_is_no_loss(host: Host) -> None:
    node = EdgeNode(METRICS)
    births = node.births()
    data = [node.data(EP=float(at)) for at in range(4)]
    host.hear(*births, *data[:2])
    host.hear(*births, *data[:2])
    assert [value for _, _, value in host.values(*data[1:3], *data[2:])] == [2.0, 3.0]
    host.now += MINUTE
    assert host.asks() == []
    assert host.reasons() == []


def test_a_lost_message_is_answered_with_a_rebirth_request_and_what_followed_is_read_then(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    node.data(EP=1.0)
    assert host.values(node.data(EP=2.0)) == []
    assert host.asks() == []
    host.now += 3 * SECOND
    [ask] = host.asks()
    assert ask.topic == "spBv1.0/PLANT/NCMD/GW"
    [metric] = sparkplug.decode(ask.payload).metrics
    assert (metric.name, metric.value, metric.datatype) == ("Node Control/Rebirth", 1, 11)
    assert host.asks() == []
    host.now += MINUTE
    assert len(host.asks()) == 1
    assert [value for _, _, value in host.values(*node.births(EP=3.0))] == [3.0, 2.0]
    host.now += MINUTE
    assert host.asks() == []
    assert host.reasons() == []


def test_a_node_that_never_answers_is_asked_ever_more_seldom_and_is_trouble_of_its_devices(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    node = EdgeNode(METRICS)
    births = node.births(EP=99.0)
    began, asked = host.now, []
    states: list[Birth | Death] = []
    while host.now < began + 20 * MINUTE:
        for heard in host.hear(node.data(EP=1.0)):
            states += [one.message for one in heard.told if isinstance(one.message, Birth)]
        asked += [(host.now - began) // SECOND for _ in host.asks()]
        host.now += 5 * SECOND
    assert asked == [0, 30, 90, 210, 450, 930]
    assert [state.trouble.reason for state in states if isinstance(state, Birth) and state.trouble] == ["unborn"]
    assert len(states) == 1
    assert "PLANT/GW did not answer 5 rebirth requests in 16 min" in caplog.text
    assert host.said[-1].startswith("PLANT/GW Meter 1: waits for its birth; its edge node did not answer")
    for _ in range(5 * 24 * 4):
        host.now += 15 * MINUTE
        asked += [(host.now - began) // SECOND for _ in host.asks()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == DAY // SECOND
    parked = len(host.parked)
    heard_at_last = host.hear(*births)
    [born] = [one.message for told in heard_at_last for one in told.told if isinstance(one.message, Birth)]
    assert born.trouble is None
    assert parked > 200
    assert host.reasons() == []
    assert "is there again" in caplog.text
    host.now += DAY
    assert host.asks() == []


def test_letters_that_wait_for_a_node_say_that_it_does_not_answer(host: Host) -> None:
    mine, others = EdgeNode(METRICS), EdgeNode(METRICS, edge="GW2")
    with host.registry.writing() as session:
        for topic, reason in (
            (mine.topic("DDATA"), "no_birth"),
            (others.topic("DDATA"), "no_birth"),
            (mine.topic("DDATA"), "bad_time"),
        ):
            deadletters.park(session, [deadletters.Parked(topic, "", "", reason, "as it was", b"")], host.now)
    for _ in range(250):
        host.hear(mine.data(EP=1.0))
        host.asks()
        host.now += 5 * SECOND
    with host.registry.reading() as session:
        bad, other, waiting = deadletters.found(session, deadletters.Search(), limit=9)
        assert (bad.detail, other.detail) == ("as it was", "as it was")
        assert "PLANT/GW: its edge node did not answer 5 rebirth requests" in waiting.detail
        assert "restart that" in waiting.detail


def test_a_gap_that_no_birth_mends_is_told_too(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    node.data(EP=0.0)
    troubles = []
    for _ in range(250):
        heard = host.hear(node.data(EP=1.0))
        troubles += [one.message.trouble for told in heard for one in told.told if isinstance(one.message, Birth)]
        host.asks()
        host.now += 5 * SECOND
    [trouble] = troubles
    assert trouble is not None
    assert trouble.reason == "unborn"
    assert "something is missing before message" in host.said[-1]
    assert "did not answer 5 rebirth requests" in host.said[-1]


def test_a_clock_set_back_keeps_nobody_from_being_asked(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(node.data(EP=1.0))
    assert len(host.asks()) == 1
    host.now -= 400 * DAY
    assert len(host.asks()) == 1


def test_what_followed_a_loss_is_not_read_by_aliases_that_changed(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    node.data(EP=1.0)
    host.hear(node.data(EP=2.0))
    node.aliases = {"EP": 11, "Power": 10}
    assert host.values(*node.births(EP=3.0)) == [("energy", "Wh", 3.0)]
    assert host.reasons() == ["alias_changed"]


def test_an_edge_node_whose_clock_went_back_is_heard(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    node.time -= 86_400_000
    node.aliases = {"EP": 11, "Power": 10}
    host.hear(*node.births())
    assert host.values(node.data(EP=2.0)) == [("energy", "Wh", 2.0)]
    node.time -= 86_400_000
    node.aliases = {"EP": 20, "Power": 21}
    host.hear(node.device_birth())
    assert host.values(node.data(EP=3.0)) == [("energy", "Wh", 3.0)]
    assert host.reasons() == []


@given(st.lists(st.integers(0, 255), min_size=1000, max_size=1000))
def test_an_edge_node_that_cannot_count_takes_no_memory(numbers: list[int]) -> None:
    node = Node(online=True, expected=1)
    for number in numbers:
        node.count(number, NOW)
    assert len(node.awaited) <= 257


def test_a_birth_that_was_overtaken_by_a_newer_one_changes_nothing(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    old = node.device_birth()
    node.time += 1000
    node.aliases = {"EP": 11, "Power": 10}
    host.hear(node.device_birth())
    host.hear(old)
    assert host.values(node.data(EP=2.0)) == [("energy", "Wh", 2.0)]


def test_named_metrics_need_no_number(host: Host) -> None:
    node = EdgeNode(METRICS, aliases=False)
    host.hear(*node.births())
    node.data(EP=1.0)
    assert host.values(node.data(EP=2.0)) == [("energy", "Wh", 2.0)]
    host.now += 3 * SECOND
    assert len(host.asks()) == 1


def test_data_before_any_birth_waits_and_asks_for_one(host: Host) -> None:
    node = EdgeNode(METRICS)
    births = node.births()
    assert host.values(node.data(EP=1.0)) == []
    assert host.reasons() == ["no_birth"]
    assert len(host.asks()) == 1
    del births


def test_after_a_restart_data_waits_for_the_rebirth_and_is_read_by_what_was_kept(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    host.start()
    assert host.values(node.data(EP=1.0)) == []
    assert len(host.asks()) == 1
    assert [value for _, _, value in host.values(*node.births(EP=2.0))] == [2.0, 1.0]
    assert host.reasons() == []


def test_an_unknown_alias_is_a_fault_and_asks_for_a_birth(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    node.aliases["EP"] = 99
    assert host.values(node.data(EP=1.0, Power=2.0)) == [("power", "kW", 2.0)]
    assert host.reasons() == ["unknown_alias"]
    assert len(host.asks()) == 1


def test_deaths(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    [heard] = host.hear(node.device_death())
    assert [(told.topic.path(), told.message) for told in heard.told] == [(f"{METER}/state", Death())]
    [heard] = host.hear(node.device_birth())
    assert [type(told.message) for told in heard.told] == [Birth]
    [heard] = host.hear(node.death())
    assert [type(told.message) for told in heard.told] == [Death]
    assert host.values(node.data(EP=1.0)) == []
    assert host.reasons() == ["no_birth"]


def test_the_will_of_an_earlier_session_changes_nothing(host: Host) -> None:
    node = EdgeNode(METRICS)
    will = node.death()
    host.hear(*node.births())
    node.bdseq = 1
    host.hear(*node.births())
    [heard] = host.hear(will)
    assert heard.told == []
    assert host.values(node.data(EP=1.0)) == [("energy", "Wh", 1.0)]


def test_a_turn_that_failed_leaves_no_trace(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    message = node.data(EP=1.0)
    host.dialect.begin()
    host.dialect.read(*message, host.now)
    assert host.values(message) == [("energy", "Wh", 1.0)]


def test_what_has_no_place_is_said_once_a_birth(host: Host) -> None:
    node = EdgeNode({"EP": None, "Odd": "kW", "Voltage": "furlong", "Reactive Power": "var"})
    host.hear(*node.births())
    host.hear(node.data(EP=1.0, Odd=2.0, Voltage=3.0))
    [fault] = host.faults
    assert fault.reason == "unmapped"
    assert "2 of 4 metrics: Odd (no such point), Voltage (engUnit 'furlong')" in fault.detail
    stranger = EdgeNode(METRICS, group="OTHER")
    host.faults.clear()
    host.hear(*stranger.births(), stranger.data(EP=1.0))
    [fault] = host.faults
    assert 'add [[sparkplug]] group = "OTHER", edge = "GW", device = "Meter 1"' in fault.detail


def test_two_devices_never_share_an_id(host: Host) -> None:
    host.hear(*EdgeNode(METRICS).births(EP=1.0))
    assert host.values(*EdgeNode(METRICS, edge="GW2", device="METER 2").births(EP=2.0)) == [("energy", "Wh", 2.0)]
    assert host.values(*EdgeNode(METRICS, edge="GW3").births(EP=2.0)) == []
    assert host.reasons() == ["unmapped"]
    assert "already PLANT/GW/Meter 1" in host.faults[0].detail


def test_our_state_is_told_at_the_start_and_again_when_the_broker_has_told_our_will(host: Host) -> None:
    def states() -> list[Reply]:
        return [reply for reply in host.dialect.replies(host.now) if "STATE" in reply.topic]

    online = Reply("spBv1.0/STATE/office", b'{"online": true, "timestamp": 1790000100000}', retain=True)
    assert states() == [online]
    host.hear((online.topic, online.payload))
    assert states() == []
    host.hear((online.topic, host.dialect.state(online=False)))
    assert states() == [online]
    host.dialect.connected()
    assert states() == [online]


@pytest.mark.parametrize(
    ("path", "payload", "reason"),
    [
        ("spBv1.0/PLANT/DDATA/GW/Meter 1", b"", "no_seq"),
        ("spBv1.0/PLANT/DDATA/GW/Meter 1", b"\xff", "undecodable"),
        ("spBv1.0/PLANT/DDATA/GW", b"", "bad_topic"),
        ("spBv1.0/PLANT/NCMD/GW", b"", "bad_topic"),
        ("spBv1.0/STATE", b"", "bad_topic"),
    ],
)
def test_what_is_no_sparkplug_is_rejected(host: Host, path: str, payload: bytes, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        host.dialect.read(path, payload, NOW)
    assert caught.value.reason == reason


def test_a_cut_off_message_is_rejected_everywhere(host: Host) -> None:
    node = EdgeNode(METRICS)
    host.hear(*node.births())
    path, payload = node.data(EP=1.0, Power=2.0)
    for end in range(len(payload)):
        with pytest.raises(Reject):
            host.dialect.read(path, payload[:end], NOW)


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damage_of_any_kind_is_read_or_rejected(host: Host, data: st.DataObject) -> None:
    node = EdgeNode(METRICS)
    messages = [*node.births(EP=1.0), node.data(EP=2.0), node.data(Power=3.0), node.device_death(), node.death()]
    damaged = []
    for path, payload in data.draw(st.permutations(messages)):
        bytes_ = bytearray(payload)
        for _ in range(data.draw(st.integers(0, 2))):
            bytes_[data.draw(st.integers(0, len(bytes_) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        damaged.append((path, bytes(bytes_)))
    for _, unit, value in host.values(*damaged):
        assert isinstance(value, float)
        assert unit in {"Wh", "kW"}


@given(st.permutations(range(8)), st.sets(st.integers(0, 7), max_size=3))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_lost_or_reordered_after_a_rebirth_all_that_came_is_read(
    host: Host, order: list[int], lost: set[int]
) -> None:
    host.start()
    host.parked.clear()
    node = EdgeNode(METRICS)
    births = node.births()
    data = [node.data(EP=float(at)) for at in range(8)]
    told = host.values(*births, *(data[at] for at in order if at not in lost))
    told += host.values(*node.births())
    assert sorted(value for _, _, value in told) == [float(at) for at in range(8) if at not in lost]
    assert host.parked == []
