"""SenML packs (RFC 8428, units of RFC 8798) of one device's readings, JSON and CBOR, to and from columns.

The first record also carries `agent`, `epoch`, `seq`, `floor`, labels a foreign receiver ignores (section 4.4).
"""

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

import msgspec

from bus import senml_cbor
from bus.payload import Rejected, check_size, few, position
from schema.errors import Reject
from schema.reading import Reading
from schema.stream import Position

VERSION = 10
RELATIVE = (1 << 28) * 1_000_000
"""A resolved time before this instant counts from now (RFC 8428 section 4.5.3)."""
LATEST = (1 << 32) * 1_000_000
"""February 2106: a time beyond it is a mistake, as when milliseconds are sent for seconds; up to it none is rounded."""


class _Fault(NamedTuple):
    reason: str
    detail: str = ""
    element: object = None


_Base = tuple[str, int, str | None, float]
"""Base name, time, unit and value."""


class _Record(msgspec.Struct, omit_defaults=True, gc=False):
    bn: str | None = None
    bt: float | int | None = None
    bu: str | None = None
    bv: float | None = None
    bver: float | None = None
    agent: Any = None
    epoch: Any = None
    seq: Any = None
    floor: Any = None
    n: str | None = None
    u: str | None = None
    v: float | None = None
    t: float | int | None = None
    vs: Any = None
    vb: Any = None
    vd: Any = None
    s: Any = None


_BASE = ("bn", "bt", "bu", "bv", "bver")
_POSITION = frozenset({"agent", "epoch", "seq", "floor"})
_HORIZON = 1e12
_NEVER = 1 << 70
_LONG_AGO = -(1 << 34)
"""Seconds before now, whenever that is, that no reading is from: stands for an instant that SenML reads as relative."""
_decoder = msgspec.json.Decoder(list[_Record])
_encoder = msgspec.json.Encoder()


class Pack(msgspec.Struct, frozen=True):
    """Columns of the good records (times in us UTC, units as the sender gave them); the others are in `rejects`."""

    position: Position | None
    points: list[str]
    units: list[str | None]
    times: list[int]
    values: list[float]
    rejects: list[Rejected]


def encode(site: str, readings: Sequence[Reading], position: Position | None = None) -> bytes:
    """One pack of one device's readings; Reject("bad_time") for a time that SenML would read as relative."""
    if not readings:
        return b"[]"
    _check_times(readings)
    base = readings[0].time
    records = []
    for reading in readings:
        delta = reading.time - base
        records.append(_Record(n=reading.point, u=reading.unit, v=reading.value, t=_seconds(delta) if delta else None))
    first = records[0]
    first.bn, first.bt = f"{site}/{readings[0].device}/", _seconds(base)
    if position is not None:
        first.agent, first.epoch, first.seq, first.floor = msgspec.structs.astuple(position)
    return _encoder.encode(records)


def encode_cbor(site: str, readings: Sequence[Reading], position: Position | None = None) -> bytes:
    """As `encode`, in CBOR; such a body takes its position later, too (senml_cbor.place)."""
    _check_times(readings)
    return senml_cbor.encode(site, readings, position)


def _check_times(readings: Sequence[Reading]) -> None:
    for reading in readings:
        if not RELATIVE <= reading.time < LATEST:
            raise Reject("bad_time", f"{reading.device}/{reading.point} at {reading.time} us")


def decode(payload: bytes, site: str, device: str, now: int) -> Pack:
    """The pack of a device; raises Reject only where no record can be told: too_large, undecodable, bad_base, ..."""
    check_size(payload)
    # An unknown label that must be understood ends in "_"; such an ending, and a character that may not be printable,
    # even escaped, is rare enough to look twice.
    if b'_"' not in payload and b"\\" not in payload and payload.isascii() and b"\x7f" not in payload:
        try:
            records = _decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # told apart record by record below
        else:
            return _resolve(records, {}, site, device, now, payload)
    records, faults = _one_by_one(payload)
    return _resolve(records, faults, site, device, now, payload)


def _resolve(
    records: list[_Record], faults: dict[int, _Fault], site: str, device: str, now: int, payload: bytes
) -> Pack:
    """Apply the base fields (RFC 8428 section 4.6); `faults` holds what is already known to be wrong, by index."""
    base: _Base = ("", 0, None, 0.0)
    name_base, time_base, unit_base, value_base = base
    points: list[str] = []
    units: list[str | None] = []
    times: list[int] = []
    values: list[float] = []
    rejects: list[Rejected] = []
    prefix = f"{site}/{device}/"
    for index, record in enumerate(records):
        if record.bn is not None or record.bt is not None or record.bu is not None or record.bv is not None:
            base = name_base, time_base, unit_base, value_base = _rebase(base, record)
        if record.bver is not None and record.bver > VERSION:
            raise Reject("unsupported_version", f"SenML version {record.bver}")
        name, value, delta = record.n, record.v, record.t
        if name is None or name_base != prefix:
            name = (name_base if name is None else name_base + name).removeprefix(prefix)
        time = time_base if delta is None else time_base + _micros(delta)
        shift = now if time < RELATIVE else 0
        if value is not None and not (faults and index in faults):
            value += value_base
            if name and "/" not in name and RELATIVE <= time + shift < LATEST and isfinite(value):
                points.append(name)
                units.append(unit_base if record.u is None else record.u)
                times.append(time + shift)
                values.append(value)
                continue
        fault = faults.get(index) or _fault(record, name, time + shift)
        if fault is not None:
            rejects.append(Rejected(index, fault.reason, fault.detail, _alone(record, base, shift, fault)))
    return Pack(_position(records), points, units, times, values, few(rejects, payload))


def _rebase(base: _Base, record: _Record) -> _Base:
    name, time, unit, value = base
    return (
        name if record.bn is None else record.bn,
        time if record.bt is None else _micros(record.bt),
        unit if record.bu is None else record.bu,
        value if record.bv is None else record.bv,
    )


def _fault(record: _Record, point: str, time: int) -> _Fault | None:
    """What is wrong with a record that is no reading; None for one that only sets base fields."""
    if record.v is None:
        other = record.vs is not None or record.vb is not None or record.vd is not None
        if record.n is None and record.u is None and record.t is None and record.s is None and not other:
            return None
        return _Fault("not_a_number" if other else "no_value")
    if not point:
        return _Fault("no_name")
    if "/" in point:
        return _Fault("foreign_name", repr(point[:200]))
    if not RELATIVE <= time < LATEST:
        return _Fault("bad_time", f"{time / 1e6:.6g} s")
    return _Fault("not_finite", repr(record.v))


def _alone(record: _Record, base: _Base, shift: int, fault: _Fault) -> bytes:
    """The record as a pack of its own that means the same whenever it is read."""
    element = fault.element if isinstance(fault.element, dict) else msgspec.to_builtins(record)
    name, time, unit, value = base
    early = time + shift + _micros(record.t or 0) < RELATIVE
    bases = {"bn": name, "bt": _LONG_AGO if early else _seconds(time + shift), "bu": unit, "bv": value}
    kept = {label: held for label, held in element.items() if label not in _POSITION}
    return json.dumps([kept | {label: held for label, held in bases.items() if held}]).encode()


def _position(records: list[_Record]) -> Position | None:
    if not records or records[0].agent is None:
        return None
    first = records[0]
    return position(first.agent, first.epoch, first.seq, 1 if first.floor is None else first.floor)


def _one_by_one(payload: bytes) -> tuple[list[_Record], dict[int, _Fault]]:
    """Each record on its own, leniently parsed (NaN is JSON to many devices); a faulty one still sets its bases."""
    elements = _elements(payload)
    whole = _whole(elements)
    if whole is not None:
        return whole, {}
    records, faults = [], {}
    for index, element in enumerate(elements):
        fault, record = None, _Record()
        if not isinstance(element, dict):
            fault = _Fault("not_a_record", repr(element)[:200], {"vd": element})
        elif unknown := [label for label in element if label.endswith("_")]:
            fault = _Fault("must_understand", repr(unknown)[:200], element)
        elif isinstance(element.get("v"), bool | str | list | dict):
            fault = _Fault("not_a_number", repr(element["v"])[:200], element)
        else:
            try:
                record = _record(element)
            except _UNFIT as error:
                fault = _Fault("bad_record", str(error), element)
        if fault is not None:
            faults[index] = fault
            if isinstance(element, dict):
                record = _bases(element)
        records.append(record)
    return records, faults


def _elements(payload: bytes) -> list[Any]:
    if senml_cbor.is_pack(payload):
        return senml_cbor.elements(payload)
    try:
        elements = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Reject("undecodable", str(error)) from error
    if not isinstance(elements, list):
        raise Reject("undecodable", "a SenML pack is a JSON array")
    return elements


def _whole(elements: list[Any]) -> list[_Record] | None:
    """The records where nothing is wrong with any of them, which is soon seen; else None."""
    try:
        records = msgspec.convert(elements, list[_Record])
    except _UNFIT:
        return None
    if any(label.endswith("_") for label in set().union(*elements)):
        return None
    words = {word for record in records for word in (record.bn, record.bu, record.n, record.u) if word}
    return records if "".join(words).isprintable() else None


def _bases(element: dict[str, Any]) -> _Record:
    # Later records build on these: where they cannot be read, those would silently mean something else.
    try:
        return _record({label: element[label] for label in _BASE if label in element})
    except _UNFIT as error:
        raise Reject("bad_base", str(error)) from error


def _record(element: dict[str, Any]) -> _Record:
    # An escape can smuggle in what no text may hold, such as NUL or half a surrogate pair.
    record = msgspec.convert(element, _Record)
    if not "".join(filter(None, (record.bn, record.bu, record.n, record.u))).isprintable():
        raise msgspec.ValidationError("unprintable character")
    return record


_UNFIT = (msgspec.ValidationError, UnicodeEncodeError)
"""What `msgspec.convert` raises for what is no record; half a surrogate pair in a label is of its own kind."""


def _micros(seconds: float) -> int:
    return round(seconds * 1e6) if -_HORIZON < seconds < _HORIZON else _NEVER


def _seconds(micros: int) -> float:
    whole, rest = divmod(micros, 1_000_000)
    return micros / 1e6 if rest else whole
