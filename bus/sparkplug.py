"""Sparkplug B 3.0 payloads: the protobuf message of the standard, to and from structs.

DataSets, Templates and arrays are kept as bytes: no meter needs them, and a reading is one number.
"""

import struct
from enum import IntEnum

import msgspec

from bus.payload import Rejected, check_size, few
from bus.wire import LARGEST, Malformed, bare, blob, delimited, key, varint, varint_of
from schema.errors import Reject

Value = int | float | bool | str | bytes


class DataType(IntEnum):
    """The data types whose values are one number."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12


class Metric(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A metric as it was sent: `variant` is the field number its value came in, times are ms; `unit` is engUnit."""

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: int | None = None
    historical: bool = False
    transient: bool = False
    null: bool = False
    variant: int = 0
    value: Value | None = None
    unit: str | None = None


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A payload; metrics that could not be read are in `rejects`, each as a payload of its own."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric]
    rejects: list[Rejected] = []


INT, LONG, FLOAT, DOUBLE, BOOLEAN, STRING, BYTES, DATASET, TEMPLATE, EXTENSION = range(10, 20)
_VARIANTS = {
    DataType.FLOAT: FLOAT,
    DataType.DOUBLE: DOUBLE,
    DataType.BOOLEAN: BOOLEAN,
    DataType.STRING: STRING,
    DataType.INT64: LONG,
    DataType.UINT64: LONG,
}
_BITS = {1: 8, 2: 16, 3: 32, 4: 64, 5: 8, 6: 16, 7: 32, 8: 64}
_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")


def number(metric: Metric, datatype: int | None) -> float | None:
    """The value of a metric of a data type (its own goes first); None for null, Reject for what is no number."""
    told = metric.datatype or datatype
    value, variant = metric.value, metric.variant
    if metric.null:
        return None
    if value is None:
        raise Reject("no_value", metric.name or f"alias {metric.alias}")
    if told in _BITS and variant in {INT, LONG} and isinstance(value, int):
        return float(_integer(value, 32 if variant == INT else 64, _BITS[told], signed=told <= DataType.INT64))
    if told in {DataType.FLOAT, DataType.DOUBLE} and variant in {FLOAT, DOUBLE} and isinstance(value, float):
        return value
    if told == DataType.BOOLEAN and variant == BOOLEAN:
        return float(bool(value))
    if told in _BITS or told in {DataType.FLOAT, DataType.DOUBLE, DataType.BOOLEAN}:
        raise Reject("wrong_type", f"data type {told} in field {variant}")
    raise Reject("not_a_number", f"data type {told}")


def _integer(raw: int, carried: int, bits: int, *, signed: bool) -> int:
    """A two's complement of `bits`, which some senders extend to the `carried` bits of its field."""
    if raw >> bits:
        raw -= 1 << carried
        if not signed or raw < -(1 << bits - 1) or raw >= 0:
            raise Reject("wrong_type", f"{raw} is no integer of {bits} bits")
        return raw
    return raw - (1 << bits) if signed and raw >> bits - 1 else raw


def decode(payload: bytes) -> Payload:
    """A payload; Reject("too_large" or "undecodable") where no metric can be told."""
    check_size(payload)
    timestamp = seq = None
    spans: list[tuple[int, int]] = []
    pos, end = 0, len(payload)
    try:
        while pos < end:
            field, pos = varint(payload, pos, end)
            if field == _METRIC:
                start, pos = blob(payload, pos, end)
                spans.append((start, pos))
            elif field == _TIMESTAMP:
                timestamp, pos = varint(payload, pos, end)
            elif field == _SEQ:
                seq, pos = varint(payload, pos, end)
            else:
                pos = bare(payload, field, pos, end, _PAYLOAD_FIELDS)
    except Malformed as error:
        raise Reject("undecodable", str(error)) from error
    if seq is not None and seq > 255:
        raise Reject("undecodable", f"a seq of {seq}")
    metrics, rejects = [], []
    for index, (start, stop) in enumerate(spans):
        try:
            metrics.append(_metric(payload, start, stop))
        except Malformed as error:
            alone = key(2, 2) + delimited(payload[start:stop])
            rejects.append(Rejected(index, "bad_metric", str(error), alone))
    return Payload(timestamp=timestamp, seq=seq, metrics=metrics, rejects=few(rejects, payload))


_TIMESTAMP, _METRIC, _SEQ = 0x08, 0x12, 0x18
_PAYLOAD_FIELDS = frozenset({1, 2, 3})
_METRIC_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, *range(INT, EXTENSION)})


def _metric(data: bytes, pos: int, end: int) -> Metric:
    told: dict[int, int] = {}
    name = unit = None
    variant, value = 0, None
    while pos < end:
        field, pos = varint(data, pos, end)
        number, wire = field >> 3, field & 7
        if wire == 0 and number in _VARINTS:
            told[number], pos = varint(data, pos, end)
            variant = number if number >= INT else variant
        elif field == 0x0A:
            start, pos = blob(data, pos, end)
            name = _words(data[start:pos])
        elif number == 9 and wire == 2:
            start, pos = blob(data, pos, end)
            unit = _engineering_unit(data, start, pos)
        elif wire == _WIRES.get(number):
            variant = number
            value, pos = _value(data, number, pos, end)
        else:
            pos = bare(data, field, pos, end, _METRIC_FIELDS)
    return Metric(
        name=name,
        alias=told.get(2),
        timestamp=told.get(3),
        datatype=told.get(4),
        historical=bool(told.get(5)),
        transient=bool(told.get(6)),
        null=bool(told.get(7)),
        variant=variant,
        # A 32-bit field takes the lower half of what a sender sign-extended.
        value=told[variant] & (0xFFFFFFFF if variant == INT else LARGEST) if variant in _VARINTS else value,
        unit=unit,
    )


def _value(data: bytes, number: int, pos: int, end: int) -> tuple[float | str | bytes, int]:
    if number in {FLOAT, DOUBLE}:
        form = _FLOAT if number == FLOAT else _DOUBLE
        if pos + form.size > end:
            raise Malformed("a number ends early")
        return form.unpack_from(data, pos)[0], pos + form.size
    start, stop = blob(data, pos, end)
    return _words(data[start:stop]) if number == STRING else data[start:stop], stop


_VARINTS = frozenset({2, 3, 4, 5, 6, 7, INT, LONG, BOOLEAN})
_WIRES = {FLOAT: 5, DOUBLE: 1, STRING: 2, BYTES: 2, DATASET: 2, TEMPLATE: 2}


def _words(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("a string is not UTF-8") from error


def _engineering_unit(data: bytes, pos: int, end: int) -> str | None:
    """The property `engUnit` of a property set, where it is a string."""
    keys: list[str] = []
    values: list[str | None] = []
    while pos < end:
        field, pos = varint(data, pos, end)
        if field in {0x0A, 0x12}:
            start, pos = blob(data, pos, end)
            if field == 0x0A:
                keys.append(_words(data[start:pos]))
            else:
                values.append(_property(data, start, pos))
        else:
            pos = bare(data, field, pos, end, frozenset({1, 2}))
    return dict(zip(keys, values, strict=False)).get("engUnit")


def _property(data: bytes, pos: int, end: int) -> str | None:
    held = None
    while pos < end:
        field, pos = varint(data, pos, end)
        if field == 8 << 3 | 2:
            start, pos = blob(data, pos, end)
            held = _words(data[start:pos])
        else:
            pos = bare(data, field, pos, end, frozenset())
    return held


def encode(payload: Payload) -> bytes:
    """The payload as bytes, fields in the order of their numbers."""
    parts = []
    if payload.timestamp is not None:
        parts += [key(1, 0), varint_of(payload.timestamp)]
    for metric in payload.metrics:
        parts += [key(2, 2), delimited(_metric_bytes(metric))]
    if payload.seq is not None:
        parts += [key(3, 0), varint_of(payload.seq)]
    return b"".join(parts)


def _metric_bytes(metric: Metric) -> bytes:
    parts = []
    if metric.name is not None:
        parts += [key(1, 2), delimited(metric.name.encode())]
    flags = (metric.historical or None, metric.transient or None, metric.null or None)
    for field, told in enumerate((metric.alias, metric.timestamp, metric.datatype, *flags), 2):
        if told is not None:
            parts += [key(field, 0), varint_of(int(told))]
    if metric.unit is not None:
        value = key(1, 0) + varint_of(DataType.STRING) + key(8, 2) + delimited(metric.unit.encode())
        parts += [key(9, 2), delimited(key(1, 2) + delimited(b"engUnit") + key(2, 2) + delimited(value))]
    value_of = metric.value
    if value_of is not None and not metric.null:
        parts += _value_bytes(metric.variant or _variant(metric), value_of)
    return b"".join(parts)


def _variant(metric: Metric) -> int:
    if metric.datatype in _VARIANTS:
        return _VARIANTS[DataType(metric.datatype)]
    return INT


def _value_bytes(variant: int, value: Value) -> list[bytes]:
    if isinstance(value, float):
        form, wire = (_FLOAT, 5) if variant == FLOAT else (_DOUBLE, 1)
        return [key(variant, wire), form.pack(value)]
    if isinstance(value, str | bytes):
        return [key(variant, 2), delimited(value.encode() if isinstance(value, str) else value)]
    return [key(variant, 0), varint_of(value & (0xFFFFFFFF if variant == INT else LARGEST))]
