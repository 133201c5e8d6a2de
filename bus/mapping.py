"""What a declared mapping says of foreign payloads: topics with captures, paths into JSON, numbers and instants."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from bus.payload import check_size
from bus.senml import LATEST, RELATIVE
from schema.errors import Reject
from schema.instant import to_micros

_EPOCHS = {"epoch": 1_000_000.0, "epoch_ms": 1_000.0}
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)
_CAPTURE = re.compile(r"\{([a-z_]+)\}")
_STEP = re.compile(
    r"""(?:^|\.)(?:"(?P<quoted>[^"]*)"|(?P<key>[^.\[\]"]+))"""
    r"""|\[(?:(?P<index>\d+)|(?P<every>\*)|(?P<field>[^=\]]+)=(?P<held>[^\]]*))\]"""
)


class _Every(Enum):
    """Each element of an array, or each member of an object."""

    EVERY = "*"


class _Missing(Enum):
    """Nothing is there."""

    MISSING = "missing"


EVERY: Final = _Every.EVERY
MISSING: Final = _Missing.MISSING
_Step = str | int | tuple[str, str] | _Every


class Pattern:
    """A topic pattern such as `tele/{name}/SENSOR`: a capture is one segment, `+` one that does not matter."""

    def __init__(self, text: str) -> None:
        segments = text.split("/")
        if not text or any("#" in segment or ("+" in segment and segment != "+") for segment in segments):
            raise ValueError(f"{text!r} is no topic pattern: write tele/{{name}}/SENSOR, or + for what does not matter")
        self.captures = tuple(_CAPTURE.findall(text))
        if len(set(self.captures)) < len(self.captures):
            raise ValueError(f"{text!r} captures one name twice")
        self.filter = "/".join("+" if _CAPTURE.search(segment) else segment for segment in segments)
        parts = re.split(r"(\{[a-z_]+\}|\+)", text)
        self._expression = re.compile("".join(map(_segment, parts)))

    def match(self, path: str) -> dict[str, str] | None:
        """What is captured, or None for another topic."""
        found = self._expression.fullmatch(path)
        return None if found is None else found.groupdict()


def _segment(part: str) -> str:
    if part == "+":
        return "[^/]+"
    capture = _CAPTURE.fullmatch(part)
    return f"(?P<{capture[1]}>[^/]+)" if capture else re.escape(part)


class Path:
    """A way into JSON: `ENERGY.Power[0]`, `params."switch:0".apower`, `values[code=EP].val`.

    It begins at the thing a message is about, `$.` at the top, `^.` at the array element that the thing lies in. The
    empty path is the thing itself.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        head, _, rest = text.partition(".") if text[:1] in {"$", "^"} else ("", "", text)
        self.top = head == "$"
        self.out = len(head) if head and set(head) == {"^"} else 0
        if head and not self.top and not self.out:
            raise ValueError(f"{text!r} is no path: write $.a for the top, ^.a for the element around")
        self.steps: tuple[_Step, ...] = tuple(_steps(rest))

    def find(self, top: Any, here: Sequence[Any]) -> Any:
        """What is there, or MISSING; null is missing too. `here` is the thing, last, behind those it lies in."""
        if self.out >= len(here):
            return MISSING
        found = top if self.top else here[-1 - self.out]
        for step in self.steps:
            found = _member(found, step)
            if found is MISSING:
                return MISSING
        return MISSING if found is None else found

    def every(self, top: Any) -> Iterator[tuple[Any, ...]]:
        """The things at a path with `[*]` in it, in order, each behind those it lies in."""
        found: list[tuple[tuple[Any, ...], Any]] = [((), top)]
        for step in self.steps:
            if step is EVERY:
                found = [((*around, part), part) for around, thing in found for part in _parts(thing)]
            else:
                found = [(around, _member(thing, step)) for around, thing in found]
        return (around for around, thing in found if thing is not MISSING)


def _steps(text: str) -> Iterator[_Step]:
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None or step.end() == at:
            raise ValueError(f'{text!r} is no path: write a.b[0], a."b.c", a[*] or a[code=EP].val')
        at = step.end()
        if step["index"] is not None:
            yield int(step["index"])
        elif step["every"]:
            yield EVERY
        elif step["field"] is not None:
            yield step["field"], step["held"]
        else:
            yield step["key"] if step["quoted"] is None else step["quoted"]


def _member(thing: Any, step: _Step) -> Any:
    if isinstance(step, str):
        return thing.get(step, MISSING) if isinstance(thing, dict) else MISSING
    if not isinstance(thing, list):
        return MISSING
    if isinstance(step, int):
        return thing[step] if step < len(thing) else MISSING
    if isinstance(step, tuple):
        field, held = step
        return next((part for part in thing if isinstance(part, dict) and _spelled(part.get(field)) == held), MISSING)
    return MISSING


def _parts(thing: Any) -> list[Any]:
    return thing if isinstance(thing, list) else list(thing.values()) if isinstance(thing, dict) else []


def _spelled(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def read_json(payload: bytes) -> Any:
    """The JSON of a payload, leniently (NaN is JSON to many devices); Reject("too_large" or "undecodable")."""
    check_size(payload)
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            return json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise Reject("undecodable", str(error)[:200]) from error


def read_text(payload: bytes) -> str:
    """A payload that is one bare word or number; Reject("too_large" or "undecodable")."""
    check_size(payload)
    try:
        return payload.decode().strip()
    except UnicodeDecodeError as error:
        raise Reject("undecodable", str(error)) from error


def name(value: Any) -> str | None:
    """What a device calls itself, a word or a number; else None."""
    return None if isinstance(value, bool) or value == "" else _spelled(value)


def number(value: Any, words: Mapping[str, float]) -> float:
    """A number, also written as a string, or the one that stands for a word or a truth; Reject("not_a_number")."""
    spelled = _spelled(value)
    if spelled is not None and spelled in words:
        return words[spelled]
    if isinstance(value, bool) or spelled is None or not (isinstance(value, float) or _NUMBER.fullmatch(spelled)):
        raise Reject("not_a_number", repr(value)[:100])
    try:
        return float(value)
    except OverflowError:
        raise Reject("not_a_number", "beyond all numbers") from None


def instant(value: Any, form: str, zone: ZoneInfo | None) -> int:
    """The instant (us UTC) that a value says: `epoch`, `epoch_ms`, `iso8601`, or a format of strptime.

    `zone` is for what names no offset; Reject("bad_time") or Reject("no_timezone").
    """
    try:
        micros = _instant(value, form, zone)
    except (ValueError, OverflowError) as error:
        raise Reject("bad_time", f"{value!r:.60}: {error}"[:200]) from error
    if not RELATIVE <= micros < LATEST:
        raise Reject("bad_time", f"{value!r:.60} as {form}")
    return micros


def _instant(value: Any, form: str, zone: ZoneInfo | None) -> int:
    if form in _EPOCHS:
        try:
            return round(number(value, {}) * _EPOCHS[form])
        except Reject as error:
            raise ValueError(error.detail) from error
    if not isinstance(value, str):
        raise ValueError(f"no {form} time")  # noqa: TRY004 a fault of the payload, not of the program
    moment = datetime.fromisoformat(value) if form == "iso8601" else datetime.strptime(value, form)  # noqa: DTZ007
    if moment.tzinfo is None:
        if zone is None:
            raise Reject("no_timezone", f"{value!r:.60} has no offset: give the mapping a zone")
        moment = moment.replace(tzinfo=zone)
    return to_micros(moment)


def check_form(form: str) -> None:
    """ValueError for a time format that is none."""
    if form not in {*_EPOCHS, "iso8601"} and "%" not in form:
        raise ValueError(f"{form!r} is none of epoch, epoch_ms, iso8601, or a format such as %Y%m%d%H%M%S")
    if "%" in form:
        datetime.strptime(datetime(2026, 1, 2, 3, 4, 5).strftime(form), form)  # noqa: DTZ001, DTZ007
