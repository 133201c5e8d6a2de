"""Sparkplug payloads: round trips, the odd ways senders write integers, and nothing but a Reject for damage."""

import math
import struct
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from bus.sparkplug import BYTES, DOUBLE, FLOAT, INT, LONG, STRING, DataType, Metric, Payload, decode, encode, number
from bus.wire import delimited, key, varint_of
from schema.errors import Reject

stamps = st.none() | st.integers(0, (1 << 64) - 1)
words = st.text(max_size=20)


def _told(datatype: DataType, variant: int, values: st.SearchStrategy[object]) -> st.SearchStrategy[Metric]:
    return st.builds(
        Metric,
        name=st.none() | words,
        alias=stamps,
        timestamp=stamps,
        datatype=st.just(int(datatype)),
        historical=st.booleans(),
        transient=st.booleans(),
        variant=st.just(variant),
        value=values,
        unit=st.none() | words,
    )


metrics = st.one_of(
    _told(DataType.INT32, INT, st.integers(0, (1 << 32) - 1)),
    _told(DataType.UINT64, LONG, st.integers(0, (1 << 64) - 1)),
    _told(DataType.FLOAT, FLOAT, st.floats(width=32, allow_nan=False)),
    _told(DataType.DOUBLE, DOUBLE, st.floats(allow_nan=False)),
    _told(DataType.STRING, STRING, words),
    _told(DataType.STRING, BYTES, st.binary(max_size=20)),
    st.builds(Metric, name=words, datatype=st.just(10), null=st.sampled_from([True])),
)
payloads = st.builds(
    Payload, timestamp=stamps, seq=st.none() | st.integers(0, 255), metrics=st.lists(metrics, max_size=6)
)


@given(payloads)
def test_a_payload_survives(payload: Payload) -> None:
    assert decode(encode(payload)) == payload


@given(payloads, st.data())
def test_a_damaged_payload_is_read_or_rejected(payload: Payload, data: st.DataObject) -> None:
    damaged = bytearray(encode(payload) or b"\0")
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        for metric in decode(bytes(damaged)).metrics:
            number(metric, DataType.INT16)
    except Reject:
        return


def test_a_payload_cut_off_anywhere_is_undecodable_or_lacks_its_number() -> None:
    whole = encode(Payload(timestamp=1, seq=7, metrics=[Metric(name="a", datatype=10, variant=DOUBLE, value=1.5)] * 3))
    for end in range(len(whole)):
        with suppress(Reject):
            assert decode(whole[:end]).seq is None


def test_a_metric_that_cannot_be_read_spoils_no_other() -> None:
    good = encode(Payload(metrics=[Metric(name="a", datatype=10, value=1.5)]))
    bad = key(2, 2) + delimited(key(1, 2) + delimited(b"\xff"))
    payload = decode(good + bad + good)
    assert [metric.value for metric in payload.metrics] == [1.5, 1.5]
    [reject] = payload.rejects
    assert (reject.index, reject.reason, reject.record_bytes) == (1, "bad_metric", bad)


@pytest.mark.parametrize(
    ("datatype", "variant", "raw", "value"),
    [
        (DataType.INT8, INT, 0xFF, -1),
        (DataType.INT8, INT, 0xFFFFFFFF, -1),
        (DataType.INT16, INT, 0x8000, -32768),
        (DataType.INT32, INT, 0xFFFFFFFE, -2),
        (DataType.INT32, LONG, (1 << 64) - 2, -2),
        (DataType.INT64, LONG, (1 << 64) - 1, -1),
        (DataType.UINT8, INT, 255, 255),
        (DataType.UINT32, LONG, 4294967295, 4294967295),
        (DataType.INT8, INT, 0x1FF, None),
        (DataType.UINT8, INT, 256, None),
        (DataType.UINT32, LONG, 1 << 32, None),
        (DataType.INT32, DOUBLE, 1.0, None),
        (DataType.DOUBLE, LONG, 1, None),
        (DataType.BOOLEAN, INT, 1, None),
    ],
)
def test_integers_are_read_as_senders_write_them_and_wrong_ones_refused(
    datatype: DataType, variant: int, raw: float, value: float | None
) -> None:
    metric = Metric(name="m", datatype=datatype, variant=variant, value=raw)
    if value is None:
        with pytest.raises(Reject) as caught:
            number(metric, None)
        assert caught.value.reason == "wrong_type"
    else:
        assert number(metric, None) == value


def test_null_is_missing_and_a_string_is_no_number() -> None:
    assert number(Metric(name="m", datatype=10, null=True), None) is None
    for metric, reason in (
        (Metric(name="m", datatype=10), "no_value"),
        (Metric(name="m", datatype=12, variant=STRING, value="1"), "not_a_number"),
    ):
        with pytest.raises(Reject) as caught:
            number(metric, None)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    "payload", [b"\x80" * 11, b"\x0a\x00", b"\x13", b"\x1b", b"\x07", b"\x18\x80\x02", b"\x12\xff\x7f", b"\x2a\x05ab"]
)
def test_what_is_no_payload_is_undecodable(payload: bytes) -> None:
    with pytest.raises(Reject) as caught:
        decode(payload)
    assert caught.value.reason == "undecodable"


def _google() -> Any:
    """The same message as Google's library has it, told from the field table of the standard."""
    file = descriptor_pb2.FileDescriptorProto(name="spb.proto", package="spb", syntax="proto2")
    metric, payload = file.message_type.add(name="Metric"), file.message_type.add(name="Payload")
    kinds = {"string": 9, "uint64": 4, "uint32": 13, "bool": 8, "float": 2, "double": 1, "bytes": 12}
    scalars = ("name string", "alias uint64", "timestamp uint64", "datatype uint32", "is_historical bool",
               "is_transient bool", "is_null bool", "", "", "int_value uint32", "long_value uint64",
               "float_value float", "double_value double", "boolean_value bool",
               "string_value string", "bytes_value bytes")  # fmt: skip
    for at, told in enumerate(scalars, 1):
        if told:
            name, kind = told.split()
            metric.field.add(name=name, number=at, label=1, type=kinds[kind])
    payload.field.add(name="timestamp", number=1, label=1, type=4)
    payload.field.add(name="metrics", number=2, label=3, type=11, type_name=".spb.Metric")
    payload.field.add(name="seq", number=3, label=1, type=4)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("spb.Payload"))


_PAYLOAD = _google()
_FIELDS = {INT: "int_value", LONG: "long_value", FLOAT: "float_value", DOUBLE: "double_value", STRING: "string_value",
           BYTES: "bytes_value"}  # fmt: skip


@given(payloads)
def test_another_library_reads_the_same(payload: Payload) -> None:
    other = _PAYLOAD.FromString(encode(payload))
    assert (other.seq if other.HasField("seq") else None) == payload.seq
    for theirs, ours in zip(other.metrics, payload.metrics, strict=True):
        assert theirs.name == (ours.name or "")
        assert (theirs.alias, theirs.timestamp) == (ours.alias or 0, ours.timestamp or 0)
        assert (theirs.is_historical, theirs.is_null) == (ours.historical, ours.null)
        if ours.variant:
            assert getattr(theirs, _FIELDS[ours.variant]) == ours.value


def test_floats_keep_their_32_bits() -> None:
    told = struct.unpack("<f", struct.pack("<f", 21.3))[0]
    [metric] = decode(encode(Payload(metrics=[Metric(name="t", datatype=9, value=told)]))).metrics
    assert number(metric, None) == told
    assert math.isclose(told, 21.3, rel_tol=1e-7)
    assert varint_of(300) == b"\xac\x02"
