"""Births, deaths, events and acknowledgements: round trips, and bad events that spoil no good one."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import messages, senml
from bus.messages import Birth, Death, Events, decode_events
from bus.payload import MOST_REJECTS
from schema.errors import Reject
from schema.event import Meal, Pass
from schema.stream import Acknowledged, Position
from schema.text import Text

POSITION = Position("agent-1", "e1", 7, 3)
MEAL = Meal(id="1", time=1_760_000_000_000_000, window="lunch", price="12.50")
PASS = Pass(id="2", time=1, direction="in", granted=True, passed=True, reason="ok", decided_by="controller")


@pytest.mark.parametrize(
    "state",
    [
        Birth(title=Text("总表", "Main"), interval=15.0, parent="m0", replay=True, position=POSITION),
        Birth(title=Text("", ""), interval=0.5),
        Death(),
        Death(position=POSITION),
    ],
)
def test_a_state_survives(state: Birth | Death) -> None:
    assert messages.decode_state(messages.encode_state(state)) == state


def test_events_survive() -> None:
    events = Events(events=(MEAL, PASS), position=POSITION)
    assert messages.decode_events(messages.encode_events(events)) == events


def test_an_acknowledgement_survives() -> None:
    acknowledged = Acknowledged("e1", 7, ((9, 12), (14, 14)))
    assert messages.decode_ack(messages.encode_ack(acknowledged)) == acknowledged


def test_a_bad_event_spoils_no_good_one() -> None:
    good = messages.encode_events(Events(events=(MEAL,)))[len(b'{"events":[') : -2]
    payload = (
        b'{"events":[{"type":"dance"},' + good + b',5,{"type":"meal","id":"","time":1,"window":"lunch","price":"1"}]}'
    )
    events = messages.decode_events(payload)
    assert events.events == (MEAL,)
    assert [reject.index for reject in events.rejects] == [0, 2, 3]
    assert messages.decode_events(events.rejects[0].record_bytes).rejects[0].reason == "bad_event"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        b'{"state":"asleep"}',
        b'{"state":"online"}',
        b'{"state":"online","title":{"zh":"a","en":"b"},"interval":-1}',
        b'{"state":"online","title":{"zh":"a","en":"b"},"interval":1,"parent":"../x"}',
        b'{"state":"online","title":{"zh":"\\u0000","en":"b"},"interval":1}',
        b"[" * 100_000,
    ],
)
def test_a_state_that_is_none_is_undecodable(payload: bytes) -> None:
    with pytest.raises(Reject) as caught:
        messages.decode_state(payload)
    assert caught.value.reason == "undecodable"


@given(st.data())
def test_damage_is_read_or_rejected(data: st.DataObject) -> None:
    whole: Any = data.draw(
        st.sampled_from(
            [
                (
                    messages.decode_state,
                    messages.encode_state(Birth(title=Text("总", "M"), interval=1.0, position=POSITION)),
                ),
                (messages.decode_events, messages.encode_events(Events(events=(MEAL, PASS), position=POSITION))),
                (messages.decode_ack, messages.encode_ack(Acknowledged("e", 5, ((7, 9),)))),
            ]
        )
    )
    decode, payload = whole[0], bytearray(whole[1])
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(payload), whole[1][: data.draw(st.integers(0, len(payload) - 1))]):
        with suppress(Reject):
            decode(damaged)


def test_of_too_many_bad_parts_the_whole_payload_is_one() -> None:
    """A message of a million bytes can have 300,000 of them: as letters they would take the others from the shelf."""
    few = b'{"events":[' + b",".join([b"{}"] * MOST_REJECTS) + b"]}"
    assert len(decode_events(few).rejects) == MOST_REJECTS
    many = b'{"events":[' + b",".join([b"{}"] * 300_000) + b"]}"
    [whole] = decode_events(many).rejects
    assert (whole.reason, whole.record_bytes) == ("bad_event", many)
    assert whole.detail.startswith("300000 bad parts, the first: ")
    pack = b'[{"n":"power","v":1,"u":"kW"},' + b",".join([b'{"n":"energy"}'] * 30_000) + b"]"
    [whole] = senml.decode(pack, "demo", "m-1", 1_780_000_000_000_000).rejects
    assert (whole.reason, whole.record_bytes) == ("no_value", pack)
