"""TOML files that people write: read into frozen structs, every fault answered with its line, reason and way out."""

import tomllib
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from edge.source import Source, Stamp, stamp
from edge.suggestion import unknown
from schema.errors import Reject, Stop

SECRETS = frozenset({"token", "password", "pepper", "broker"})
"""Keys whose values are never shown, and may stand in a file of their own: `token = { file = "west.token" }`."""

_LONGEST_SECRET = 10_000

T = TypeVar("T")
Place = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong with the value at a place: its keys and indices from the top of the file."""

    place: Place
    reason: str


class Wrong(ValueError):
    """What is wrong with a key of a table, or with one below it; raised by the struct of that table."""

    def __init__(self, key: str, reason: str, *below: str) -> None:
        super().__init__(reason)
        self.place: Place = (key, *below)


@contextmanager
def about(key: str) -> Iterator[None]:
    """A ValueError of the block is about that key."""
    try:
        yield
    except Wrong:
        raise
    except (ValueError, Reject, Stop) as error:
        raise Wrong(key, str(error)) from error


class Reader:
    """Makes structs of what `text` says, for a file at `path`, collecting its faults.

    `looked` has the files it looked at for that, and how they looked just before.
    `made(type, value, place, reader)` makes what msgspec cannot, with ValueError for what is none.
    """

    def __init__(self, path: Path, text: str, made: "Callable[[Any, Any, Place, Reader], Any]") -> None:
        self._path = path
        self._lines = text.splitlines(keepends=True)
        self._made = made
        self._first: dict[int, dict[str, Any] | None] = {}
        self.faults: list[Fault] = []
        self.looked: dict[Path, Stamp] = {}
        try:
            self.told = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise Stop(f"{path} is not TOML: {error}") from error

    def struct(self, kind: type[T], told: object, place: Place) -> T | None:
        """The struct that a table tells, None where it has faults."""
        if not isinstance(told, dict):
            self.add(place, f"a table is wanted, not {_shown(told)}")
            return None
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
        before = len(self.faults)
        for key in told.keys() - fields.keys():
            self.add((*place, key), unknown("key", key, fields))
        for key, field in fields.items():
            if field.required and key not in told:
                self.add(place, f"{key} is missing")
        values = {
            fields[key].name: self._value(fields[key].type, value, (*place, key))
            for key, value in told.items()
            if key in fields
        }
        if len(self.faults) > before:
            return None
        try:
            return kind(**values)
        except Wrong as error:
            self.add((*place, *error.place), str(error))
        except (ValueError, Reject, Stop) as error:
            self.add(place, str(error))
        return None

    def add(self, place: Place, reason: str) -> None:
        """There is something wrong at a place."""
        self.faults.append(Fault(place, reason))

    def source(self, name: str) -> Source:
        """A file that the text names, and whose content is part of what it says."""
        path = self._path.parent / name
        self.looked[path] = stamp(path)
        return Source(path)

    def finish(self) -> None:
        """Stop with every fault, in order of their lines, if there are any."""
        if not self.faults:
            return
        found = sorted({(self.line(fault.place), _spelled(fault.place), fault.reason) for fault in self.faults})
        said = [f"{self._path}:{line}: {f'{name}: ' if name else ''}{reason}" for line, name, reason in found]
        raise Stop("\n".join(said))

    def line(self, place: Place) -> int:
        """The line that a place begins on; that of the table around it where it is not there itself."""
        while not _has(self.told, place):
            place = place[:-1]
        low, high = 0, len(self._lines)
        # The first lines that have the place, found by halves; in the middle of a value lines are no TOML yet.
        while high - low > 1:
            middle = (low + high) // 2
            at = next((n for n in range(middle, high) if self._known(n) is not None), None)
            if at is None or _has(self._known(at), place):
                high = middle
            else:
                low = at
        return low + 1

    def _known(self, lines: int) -> dict[str, Any] | None:
        """What the first lines tell, None where they are no TOML."""
        if lines not in self._first:
            try:
                self._first[lines] = tomllib.loads("".join(self._lines[:lines]))
            except tomllib.TOMLDecodeError:
                self._first[lines] = None
        return self._first[lines]

    def _value(self, wanted: Any, value: object, place: Place) -> Any:
        if place[-1] in SECRETS and isinstance(value, dict) and value.keys() == {"file"}:
            return self._secret(wanted, str(value["file"]), place)
        wanted = _chosen(wanted, value)
        origin = get_origin(wanted)
        if _is_struct(wanted):
            return self.struct(wanted, value, place)
        if origin is tuple and get_args(wanted)[1:] == (...,) and isinstance(value, list):
            return tuple(self._value(get_args(wanted)[0], each, (*place, at)) for at, each in enumerate(value))
        if origin is dict and isinstance(value, dict):
            return {key: self._value(get_args(wanted)[1], each, (*place, key)) for key, each in value.items()}
        return self._leaf(wanted, value, place)

    def _secret(self, wanted: Any, file: str, place: Place) -> Any:
        path = self._path.parent / file
        self.looked[path] = stamp(path)
        try:
            with path.open(encoding="utf-8") as opened:
                secret = opened.read(_LONGEST_SECRET).strip()
        except (OSError, ValueError) as error:
            self.add(place, f"its file cannot be read: {error}")
            return None
        return self._leaf(wanted, secret, place)

    def _leaf(self, wanted: Any, value: object, place: Place) -> Any:
        if get_origin(wanted) is Literal and value not in get_args(wanted):
            self.add(place, unknown("choice", value, map(str, get_args(wanted))))
            return None
        before = len(self.faults)
        try:
            return msgspec.convert(value, wanted, dec_hook=lambda kind, told: self._made(kind, told, place, self))
        except msgspec.ValidationError as error:
            if len(self.faults) > before:
                return None  # it was told already, and better
            reason = f"a list is wanted: {', '.join(wanted._fields)}" if _is_named(wanted) else _reason(error)
            self.add(place, reason + ("" if place[-1] in SECRETS else f", not {_shown(value)}"))
        except ValueError as error:
            self.add(place, str(error))
        return None


def read(path: Path, kind: type[T]) -> T:
    """The struct in a TOML file; Stop with every fault of it."""

    def made(wanted: Any, value: Any, *_: object) -> Any:
        raise ValueError(f"{wanted.__name__} cannot be written here: {value!r}")

    reader = Reader(path, text(path), made)
    found = reader.struct(kind, reader.told, ())
    reader.finish()
    assert found is not None  # noqa: S101 - what has no fault is a struct
    return found


def text(path: Path) -> str:
    """The text of a file; Stop where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}; write one, or name another") from error
    except UnicodeDecodeError as error:
        raise Stop(f"{path} is not TOML: {error}; save it as UTF-8") from error


def _chosen(wanted: Any, value: object) -> Any:
    """Of a union the struct that a table can be, and of an optional type the type."""
    if get_origin(wanted) not in (Union, types.UnionType):
        return wanted
    chosen = [each for each in get_args(wanted) if each is not types.NoneType]
    if isinstance(value, dict):
        chosen = [each for each in chosen if _is_struct(each)] or chosen
    return chosen[0] if len(chosen) == 1 else wanted


def _is_struct(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)


def _is_named(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, tuple) and hasattr(wanted, "_fields")


def _has(told: Any, place: Place) -> bool:
    for step in place:
        try:
            told = told[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _spelled(place: Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def _reason(error: msgspec.ValidationError) -> str:
    return str(error).partition(" - at `")[0].partition(", got ")[0].replace("`", "")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"  # there may be secrets in it
    return repr(value) if len(repr(value)) < 60 else f"{repr(value)[:57]}..."
