"""Faults as a person asks for them: one by one in words, or drawn from a seed."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from random import Random
from typing import get_args

from edge.simulation.chance import chance
from edge.simulation.faults import MEANINGS, QUARTER, Fault, Kind, fitting, sizes_of, unit_of, usual_size
from edge.simulation.span import Span
from schema.errors import Stop
from schema.instant import DAY, HOUR, MINUTE, SECOND, to_datetime, to_micros

_FORM = re.compile(
    r"(?P<kind>\w+):(?P<device>[\w-]+)@(?P<begin>\d{4}-\d\d-\d\d(?:T\d\d:\d\d)?)"
    r"(?:\+(?P<lasts>\d+(?:\.\d+)?)(?P<unit>s|min|h|d))?(?:=(?P<size>[-+]?\d+(?:\.\d+)?(?:e\d+)?)(?P<percent>%?))?"
)
_UNITS = {"s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}
_HOURS = {"left_on": (19, 19), "door_open": (9, 15), "leak": (0, 5), "tailgating": (0, 0), "set_point": (0, 0)}
"""From which to which local hour a fault may begin; at any hour, if nothing is said."""
_FIXED = frozenset({"rollover", "meter_swap"})
_TRIES = 200
_LONGEST = 36_500 * DAY


def parsed(text: str, zone: tzinfo) -> Fault:
    """The fault of `KIND:DEVICE@BEGIN+DURATION=SIZE`, begun on a quarter hour; Stop says what is wrong with it."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise Stop(
            f"--fault {text!r} should read like drift:canteen-elec@2026-03-01+7d=20% or leak:main-water@2026-03-01"
        )
    kind = _kind(match["kind"])
    device = match["device"]
    if device not in fitting(kind):
        raise Stop(f"--fault {text!r}: {kind} can be of {', '.join(fitting(kind))}")
    try:
        begin = to_micros(datetime.fromisoformat(match["begin"]).replace(tzinfo=zone)) // QUARTER * QUARTER
    except ValueError as error:
        raise Stop(f"--fault {text!r}: {error}") from error
    lasts = MEANINGS[kind].lasts
    if match["lasts"]:
        lasts = max(SECOND, round(min(float(match["lasts"]) * _UNITS[match["unit"]], _LONGEST)))
    size = usual_size(kind, device)
    if match["size"]:
        size = float(match["size"]) / (100 if match["percent"] else 1)
    least, most = sizes_of(kind, device)
    if not least <= size <= most:
        unit = unit_of(kind, device)
        allowed = f"a size of {least:g} to {most:g} {unit}" if least < most else "no size of its own; leave it out"
        raise Stop(f"--fault {text!r}: {kind} of {device} has {allowed}")
    return Fault(kind, device, begin, begin + lasts, size)


def wanted(words: Sequence[str], kinds: Sequence[str], span: Span, *, ends: bool = True) -> tuple[Fault, ...]:
    """The faults asked for one by one, and those drawn beside them; Stop for one that begins outside the span.

    A live compound goes on where its span `ends` not.
    """
    told = [parsed(word, span.zone) for word in words]
    for word, fault in zip(words, told, strict=True):
        if fault.begin < span.start:
            raise Stop(f"--fault {word!r} begins before {span.first}, the first day that is simulated")
        if ends and fault.begin >= span.end:
            last = span.first + timedelta(span.days - 1)
            raise Stop(f"--fault {word!r} begins after {last}, the last day that is simulated")
    return (*told, *drawn(kinds, span, told))


def drawn(asked: Sequence[str], span: Span, others: Sequence[Fault] = ()) -> list[Fault]:
    """Faults of the kinds asked (`leak`, `spike*3`, `all`) in the last two thirds of a span, in order of begin.

    No two of them, nor of `others`, are of one device at once; Stop when they do not fit.
    """
    first = span.start + (span.end - span.start) // 3
    found: list[Fault] = []
    for kind, number in ((kind, number) for word in asked for kind, count in _counted(word) for number in range(count)):
        rng = chance(span.seed, "fault", kind, number)
        for _ in range(_TRIES):
            fault = _one(kind, rng, first, span.end, span.zone)
            if fault and not any(_meet(fault, other) for other in (*found, *others)):
                found.append(fault)
                break
        else:
            raise Stop(f"no room for one more {kind}: ask for fewer faults or a longer span")
    return sorted(found, key=lambda fault: (fault.begin, fault.kind, fault.device))


def _one(kind: Kind, rng: Random, first: int, end: int, zone: tzinfo) -> Fault | None:
    """A draw, or None for one that does not fit."""
    device = rng.choice(fitting(kind))
    lasts = MEANINGS[kind].lasts
    begin = first + round(rng.random() * (end - first)) // QUARTER * QUARTER
    size = usual_size(kind, device)
    if kind not in _FIXED:
        size = round(size * rng.uniform(0.7, 1.4), 3)
        if lasts > QUARTER:
            lasts = round(lasts * rng.uniform(0.7, 1.3)) // QUARTER * QUARTER
    earliest, latest = _HOURS.get(kind, (0, 23))
    begin = begin // QUARTER * QUARTER
    hour = to_datetime(begin).astimezone(zone).hour
    if not earliest <= hour <= latest or begin + lasts > end:
        return None
    return Fault(kind, device, begin, begin + lasts, size)


def _meet(one: Fault, other: Fault) -> bool:
    """Whether they are of one device within a day; a false register of a swap or rollover does not last."""
    return one.device == other.device and one.begin < other.end + DAY and other.begin < one.end + DAY


def _counted(word: str) -> list[tuple[Kind, int]]:
    name, _, count = word.strip().partition("*")
    if count and not count.isdecimal():
        raise Stop(f"--faults {word!r} should read like spike, spike*3 or all")
    kinds: Sequence[Kind] = get_args(Kind) if name == "all" else (_kind(name),)
    return [(kind, int(count or 1)) for kind in kinds]


def _kind(name: str) -> Kind:
    for kind in MEANINGS:
        if kind == name:
            return kind
    raise Stop(f"there is no fault {name!r}; choose of {', '.join(MEANINGS)}")
