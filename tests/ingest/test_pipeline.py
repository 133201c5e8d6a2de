"""One turn of ingest on a real DuckDB and SQLite: what is kept, what is parked, and what may be acknowledged."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from bus import messages, senml
from bus.messages import Birth, Death, Events
from bus.topics import Topic
from ingest.dialects import Dialects, Heard, Reply
from ingest.pipeline import Pipeline
from ingest.quick import Quick
from ingest.turn import Turn
from schema.event import Meal
from schema.instant import DAY, HOUR, MINUTE, SECOND
from schema.reading import Reading
from schema.series import SeriesKey
from schema.stream import Position
from schema.text import Text
from store.registry import deadletters, events, worklist
from store.registry.base import Registry
from store.registry.migrate import tables
from store.registry.places import Device
from store.series.duckdb import DuckStore

NOW = 1_790_000_000_000_000
METER = Topic("dayuan", "demo", "hall", "electricity_meter", "m1", "readings")
ENERGY = SeriesKey("demo", "hall", "electricity_meter", "m1", "energy")


class House:
    """An ingest with its stores, and hands to feed it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.store = DuckStore(folder / "readings.duckdb")
        self.registry = Registry(f"sqlite:///{folder / 'registry.db'}")
        tables().metadata.create_all(self.registry.engine)
        self.pipeline = Pipeline(self.store, self.registry, lambda: NOW)

    def close(self) -> None:
        self.store.close()
        self.registry.close()

    def birth(self, topic: Topic = METER, *, replay: bool = False, seq: int = 1) -> tuple[str, bytes]:
        birth = Birth(title=Text("总表", "Main"), interval=60.0, replay=replay, position=Position("a", "e", seq))
        return topic._replace(channel="state").path(), messages.encode_state(birth)

    def pack(
        self, *values: float, seq: int | None = None, time: int = NOW - HOUR, unit: str = "kWh"
    ) -> tuple[str, bytes]:
        readings = [Reading("m1", "energy", time + at * MINUTE, value, unit) for at, value in enumerate(values)]
        position = None if seq is None else Position("a", "e", seq)
        return METER.path(), senml.encode("demo", readings, position)

    def feed(self, *sent: tuple[str, bytes]) -> list[tuple[Topic, object]]:
        return list(self.pipeline.process([path for path, _ in sent], [payload for _, payload in sent]))

    def values(self) -> list[float]:
        values: list[float] = self.store.read([ENERGY], 0, NOW + DAY).value.tolist()
        return values

    def everything(self) -> tuple[object, ...]:
        keys = self.store.series()
        batch = self.store.read(keys, 0, NOW + 2 * DAY)
        with self.registry.reading() as session:
            letters = [(row.topic, row.reason, row.payload) for row in session.query(deadletters.DeadLetter)]
            work = [(row.device, row.point, row.low, row.high) for row in session.query(worklist.Unsettled)]
        return keys, batch.code.tolist(), batch.time.tolist(), batch.value.tolist(), sorted(letters), sorted(work)

    def parked(self) -> dict[str, int]:
        with self.registry.reading() as session:
            return deadletters.counts(session)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def test_readings_of_a_known_device_are_stored_listed_as_work_and_acknowledged(house: House) -> None:
    answers = house.feed(house.birth(seq=1), house.pack(1.0, 2.0, seq=2))
    assert house.values() == [1.0, 2.0]
    with house.registry.writing() as session:
        assert worklist.take(session) == [worklist.Work(ENERGY, NOW - HOUR, NOW - HOUR + MINUTE)]
    [(topic, acknowledged)] = answers
    assert topic.path() == "dayuan/demo/agents/agent/a/ack"
    assert acknowledged == messages.decode_ack(b'{"epoch":"e","seq":2,"missing":[]}')


def test_a_gap_is_named_and_closes_when_the_missing_message_comes(house: House) -> None:
    [(_, first)] = house.feed(house.birth(seq=1), house.pack(1.0, seq=3))
    assert (first.seq, first.missing) == (1, ((2, 2),))  # type: ignore[attr-defined]
    [(_, then)] = house.feed(house.pack(0.5, seq=2, time=NOW - 2 * HOUR))
    assert (then.seq, then.missing) == (3, ())  # type: ignore[attr-defined]


def test_the_same_messages_again_change_nothing(house: House) -> None:
    sent = [house.birth(seq=1), house.pack(1.0, 2.0, seq=2), (METER.path(), b"rubbish")]
    house.feed(*sent)
    before = house.values()
    house.feed(*sent[:2])
    assert house.values() == before


def test_readings_before_the_birth_wait_and_are_taken_in_with_it(house: House) -> None:
    [(_, acknowledged)] = house.feed(house.pack(1.0, 2.0, seq=2))
    assert acknowledged.missing == ((1, 1),)  # type: ignore[attr-defined]
    assert house.values() == []
    assert house.parked() == {"unknown_device": 1}
    house.feed(house.birth(seq=1))
    assert house.values() == [1.0, 2.0]
    with house.registry.reading() as session:
        assert deadletters.whole(session, METER.path(), ["unknown_device"]) == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "undecodable"),
        (b"{", "undecodable"),
        (b"\xff\xfe\x00", "undecodable"),
        (b"[" * 5000, "undecodable"),
        (b'[{"n":"energy","u":"kWh","v":NaN}]', "not_finite"),
        (b"[" + b" " * (10 << 20) + b"]", "too_large"),
        (b'[{"n":"energy","u":"V","v":1}]', "wrong_unit"),
        (b'[{"n":"energy","u":"furlong","v":1}]', "unknown_unit"),
        (b'[{"n":"colour","v":1}]', "unknown_point"),
        (b'[{"n":"energy","u":"kWh","v":1e300}]', "implausible"),
        (b'[{"n":"energy","u":"kWh","v":-1}]', "implausible"),
        (json.dumps([{"n": "energy", "v": 1, "t": NOW / 1e6 + 366 * 86400}]).encode(), "time_ahead"),
        (json.dumps([{"n": "energy", "v": 1, "t": NOW / 1e6 - 366 * 86400}]).encode(), "time_past"),
    ],
)
def test_what_cannot_be_true_is_parked_with_its_reason_and_the_next_message_goes_through(
    house: House, payload: bytes, reason: str
) -> None:
    house.feed(house.birth())
    house.feed((METER.path(), payload), house.pack(7.0))
    assert house.parked() == {reason: 1}
    assert house.values() == [7.0]


def test_one_bad_record_does_not_spoil_its_pack(house: House) -> None:
    pack = [
        {"bn": "demo/m1/", "bt": NOW / 1e6, "n": "energy", "u": "Wh", "v": 1500},
        {"n": "energy", "u": "kWh", "vs": "many", "t": 60},
        {"n": "energy", "u": "kWh", "v": 1e200, "t": 120},
    ]
    house.feed(house.birth(), (METER.path(), json.dumps(pack).encode()))
    assert house.values() == [1.5]
    assert sum(house.parked().values()) == 2


def test_a_parked_reading_is_a_pack_that_can_be_sent_again(house: House) -> None:
    house.feed(house.birth(), house.pack(5.0, time=NOW - 200 * DAY))
    assert house.parked() == {"time_past": 1}
    with house.registry.reading() as session:
        [letter] = deadletters.whole(session, METER.path(), ["time_past"])
    house.feed(house.birth(replay=True), (letter.topic, letter.payload))
    assert house.values() == [5.0]


def test_an_undecodable_message_of_an_agent_still_moves_its_stream_on(house: House) -> None:
    _, good = house.pack(1.0, seq=2)
    answers = house.feed(house.birth(seq=1), (METER.path(), good[:-3]))
    assert [acknowledged.seq for _, acknowledged in answers] == [2]  # type: ignore[attr-defined]


def test_a_topic_of_nobody_is_parked(house: House) -> None:
    house.feed(("dayuan/demo/readings", b"[]"), ("dayuan/demo/hall/water_meter/m1/readings", b"[]"))
    assert house.parked() == {"bad_topic": 1, "unknown_device": 1}


def test_a_device_does_not_speak_under_another_kind(house: House) -> None:
    house.feed(house.birth(), (METER._replace(kind="water_meter").path(), b"[]"))
    assert house.parked() == {"wrong_topic": 1}


def test_a_birth_does_not_take_over_the_device_of_another_agent(house: House) -> None:
    house.feed(house.birth(seq=1))
    thief = Topic("dayuan", "demo", "hacked", "gas_meter", "m1", "state")
    house.feed((thief.path(), messages.encode_state(Birth(title=Text("贼", "Thief"), interval=15.0))), house.pack(1.0))
    assert house.parked() == {"taken": 1}
    assert house.values() == [1.0]


def test_a_device_that_moves_takes_what_came_too_early_along(house: House) -> None:
    moved = METER._replace(building="annex")
    house.feed(house.birth(seq=1), (moved.path(), house.pack(1.0, seq=3)[1]))
    assert house.parked() == {"wrong_topic": 1}
    house.feed(house.birth(moved, seq=2))
    assert house.store.read([ENERGY._replace(building="annex")], 0, NOW).value.tolist() == [1.0]


def test_the_width_of_a_register_comes_with_its_birth(house: House) -> None:
    birth = Birth(title=Text("总表", "Main"), interval=60.0, width=40e6)
    house.feed((METER._replace(channel="state").path(), messages.encode_state(birth)))
    with house.registry.reading() as session:
        assert session.get_one(Device, ("demo", "m1")).width == 40e6


def test_a_birth_of_no_known_kind_is_parked(house: House) -> None:
    house.feed(house.birth(METER._replace(kind="time_machine")))
    assert house.parked() == {"unknown_kind": 1}


def test_events_are_recorded_once(house: House) -> None:
    terminal = Topic("dayuan", "demo", "canteen", "canteen_terminal", "t1", "events")
    meal = Meal(id="1", time=NOW - HOUR, window="lunch", price="12.50")
    sent = (terminal.path(), messages.encode_events(Events(events=(meal,), position=Position("a", "e", 2))))
    house.feed(house.birth(terminal), sent, sent)
    house.feed(sent)
    with house.registry.reading() as session:
        assert events.between(session, "demo", "meal", 0, NOW) == [events.StoredEvent("demo", "t1", meal)]


def test_a_death_is_remembered_until_the_next_birth(house: House) -> None:
    house.feed(house.birth(), (METER._replace(channel="state").path(), messages.encode_state(Death())))
    with house.registry.reading() as session:
        assert session.get_one(Device, ("demo", "m1")).state == "offline"
    house.feed(house.birth())
    with house.registry.reading() as session:
        assert session.get_one(Device, ("demo", "m1")).state == "online"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_duplication_stores_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    try:
        sent = [house.birth(seq=1)]
        sent += [house.pack(float(at), at + 0.5, seq=at + 2, time=NOW - (40 - 2 * at) * MINUTE) for at in range(12)]
        mixed = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=8))))
        cut = data.draw(st.integers(0, len(mixed)))
        house.feed(*mixed[:cut])
        answers = house.feed(*mixed[cut:]) or house.feed(sent[0])
        assert house.values() == [value for at in range(12) for value in (float(at), at + 0.5)]
        assert answers[-1][1] == messages.decode_ack(b'{"epoch":"e","seq":13,"missing":[]}')
    finally:
        house.close()


def test_a_register_that_is_told_to_roll_over_elsewhere_is_booked_again_from_the_start(house: House) -> None:
    house.feed(house.birth(seq=1))
    wider = Birth(title=Text("总表", "Main"), interval=60.0, width=40e6, position=Position("a", "e", 2))
    state = METER._replace(channel="state").path()
    house.feed((state, messages.encode_state(wider)), (state, messages.encode_state(wider)))
    with house.registry.writing() as session:
        assert worklist.take(session) == [worklist.Work(ENERGY, 0, NOW + HOUR)]


class Careful(Pipeline):
    """A pipeline that remembers nothing, so that every message goes the careful way."""

    def take(self, paths: Sequence[str], payloads: Sequence[bytes]) -> Turn:
        self._quick = Quick(self._catalog)
        self._quick.learn = lambda *_: None  # type: ignore[method-assign]
        return super().take(paths, payloads)


READINGS = st.lists(
    st.tuples(
        st.sampled_from(["energy", "power", "voltage", "colour"]),
        st.sampled_from(["", "kWh", "Wh", "kW", "furlong"]),
        st.integers(-3, 3).map(lambda minutes: NOW - HOUR + minutes * MINUTE)
        | st.sampled_from([NOW + DAY, NOW - 200 * DAY]),
        st.floats(-10, 600) | st.sampled_from([1e300, -1e9]),
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick way is taken however small a turn is."""
    monkeypatch.setattr("ingest.quick.MANY", 0)


@pytest.mark.usefixtures("at_once")
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_quick_way_ends_as_the_careful_one(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Packs of two devices, good and bad, one of them moving to and fro, in turns of any size."""
    annex = METER._replace(building="annex")
    other = METER._replace(device="m2")
    folder = tmp_path_factory.mktemp("houses")
    quick, careful = House(folder / "quick"), House(folder / "careful")
    careful.pipeline = Careful(careful.store, careful.registry, lambda: NOW)
    try:
        turns = data.draw(
            st.lists(st.lists(st.sampled_from(["m1", "annex", "m2", "birth", "bad"]), max_size=8), max_size=5)
        )
        seq = 0
        for turn in [["birth"], *turns]:
            sent = []
            for what in turn:
                seq += 1
                topic = {"annex": annex, "m2": other}.get(what, METER)
                if what == "birth":
                    where = data.draw(st.sampled_from([METER, annex, other]))
                    sent.append(quick.birth(where, replay=data.draw(st.booleans()), seq=seq))
                elif what == "bad":
                    sent.append(
                        (METER.path(), data.draw(st.sampled_from([b"", b"[]", b"{", b'[{"n":"energy","v":1}]'])))
                    )
                else:
                    readings = [Reading(topic.device, *row[:1], row[2], row[3], row[1]) for row in data.draw(READINGS)]
                    sent.append((topic.path(), senml.encode("demo", readings, Position("a", "e", seq))))
            assert quick.feed(*sent) == careful.feed(*sent)
        assert quick.everything() == careful.everything()
    finally:
        quick.close()
        careful.close()


def test_in_a_large_turn_a_topic_is_learned_from_its_first_message(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is a point, a unit and a new stream: the careful way sees few messages, and all end where they should."""
    seen: list[int] = []
    careful = house.pipeline._take

    def note(turn: Turn, at: int, payload: bytes, *, came: int | None = None) -> None:
        seen.append(at)
        careful(turn, at, payload, came=came)

    monkeypatch.setattr(house.pipeline, "_take", note)
    house.feed(house.birth(seq=1))
    seen.clear()
    sent = [house.pack(float(at), seq=2 + at, time=NOW - 2 * HOUR + at * SECOND) for at in range(400)]
    sent[100] = (METER.path(), b"rubbish")
    wide = [Reading("m1", point, NOW - HOUR, 5.0, unit) for point, unit in (("energy", "Wh"), ("power", "kW"))]
    sent[200] = sent[300] = (METER.path(), senml.encode("demo", wide, Position("a", "other", 1)))
    answers = house.feed(*sent)
    assert seen == [0, 100, 200]
    assert house.values() == [float(at) for at in range(400) if at not in {100, 200, 300}] + [0.005]
    told = {acknowledged.epoch: (acknowledged.seq, acknowledged.missing) for _, acknowledged in answers}  # type: ignore[attr-defined]
    assert told == {"e": (101, ((102, 102), (202, 202), (302, 302))), "other": (1, ())}


def test_small_turns_do_not_pay_for_the_compiler(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from tests.ingest.test_pipeline import House
house = House(Path({str(tmp_path)!r}))
house.feed(house.birth(), *[house.pack(1.0) for _ in range(100)])
print(house.values(), "numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[1.0] False\n"


class _Faulty:
    """A dialect with a mistake in it, as only a stranger's message finds it."""

    filters = ("vendor/#",)
    waiting: frozenset[str] = frozenset()

    def takes(self, path: str) -> bool:
        return path.startswith("vendor/")

    def read(self, path: str, payload: bytes, now: int, *, again: bool = False) -> Heard:
        raise ZeroDivisionError(path, len(payload), now, again)

    def replies(self, now: int) -> list[Reply]:
        assert now
        return []

    def connected(self) -> None:
        """Nothing to forget."""

    def begin(self) -> None:
        """Nothing was left."""

    def save(self, session: Session, now: int) -> None:
        """Nothing to keep."""

    def commit(self) -> None:
        """Nothing was learned."""


def test_a_fault_of_ours_stops_no_other_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The broker would send it again for ever; parked, it can be replayed when the fault is mended."""
    house = House(tmp_path / "h")
    house.pipeline = Pipeline(house.store, house.registry, lambda: NOW, dialects=Dialects([_Faulty()]))
    house.feed(house.birth(), ("vendor/x", b"\x00"), house.pack(1.0, 2.0, seq=2))
    assert house.values() == [1.0, 2.0]
    with house.registry.reading() as session:
        (letter,) = session.query(deadletters.DeadLetter)
        assert (letter.topic, letter.reason, letter.payload) == ("vendor/x", "internal", b"\x00")
    assert "please report it" in caplog.text
    house.close()
