"""Files: readings and events from the lines that another program writes, CSV or JSON, to a file or into a folder.

```toml
[devices.file]
path = "/var/spool/meters/log.csv"        # or a folder, whose files match `match`
encoding = "gbk"                          # UTF-8 if not told
separator = ";"
columns = ["time", "kwh", "kw"]           # of files without a line of titles
time = { from = "time", form = "%Y-%m-%d %H:%M:%S", timezone = "Asia/Shanghai" }
readings.energy = "kwh"
readings.power = { from = "kw", scale = 1.0 }
```

Only a line with its end is a line. A file that is renamed in its folder is read to its end; one that begins anew is
read from its beginning. Name a folder, and `match = "log.csv*"`, to have those too that were renamed unseen.

What the records mean is written as edge/drivers/mapping.py says.
"""

import asyncio
import codecs
import csv
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import msgspec

from edge.driver import Ear, Speaker, turns
from edge.drivers import Wired
from edge.drivers.interpreter import Interpreter
from edge.drivers.mapping import Mapping, fits
from edge.drivers.push import decoded
from edge.tomlfile import Wrong
from schema.errors import Reject, RetryLater
from schema.instant import now

_CHUNK = 64 << 10
"""Bytes read at once; a line is shorter."""
_SAMPLE = 256


class Section(Mapping, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file, or a folder of files: how their lines are written, and what they mean."""

    path: Path
    match: str = "*"
    format: Literal["csv", "json"] = "csv"
    encoding: str = "utf-8-sig"
    separator: str = ","
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            end = "\n".encode(self.encoding)
            codecs.decode(end, self.encoding, "replace")
        except (LookupError, UnicodeError) as error:
            raise Wrong("encoding", f"there is no encoding {self.encoding!r}; write utf-8 or gbk") from error
        if end not in (b"\n", codecs.BOM_UTF8 + b"\n"):
            raise Wrong("encoding", f"{self.encoding!r} ends its lines in another way; save the files as UTF-8")
        if len(self.separator) != 1:
            raise Wrong("separator", f"{self.separator!r} must be one character")


class _Stand(msgspec.Struct):
    """How far a file was read: `offset` is behind the end of a line, or in the middle of one that is `torn`.

    `known` is the hash of its beginning and of what is before the offset, by which it is the same file still.
    """

    offset: int = 0
    known: str = ""
    titles: list[str] = []
    torn: bool = False


class _Piece(NamedTuple):
    """Whole lines of a file, and where it stands behind them."""

    file: str
    lines: bytes
    stand: _Stand


class Tail:
    """Reads what was added since the last turn."""

    def __init__(self, wired: Wired) -> None:
        section: Section = wired.section
        self._section = section
        self._interval = wired.interval
        self._interpreter = Interpreter(wired.device, wired.kind, section, now)
        self._doubtful = False

    async def speak(self, ear: Ear) -> None:
        """Read at every turn all there is."""
        async for _ in turns(self._interval, now):
            try:
                await self._read(ear)
            except (OSError, RetryLater) as error:
                ear.failed(error)

    async def _read(self, ear: Ear) -> None:
        stands = msgspec.json.decode(ear.mark, type=dict[str, _Stand]) if ear.mark else {}
        doubts: list[Reject] = []
        heard = False
        for path, file in await asyncio.to_thread(self._files, stands):
            while piece := await asyncio.to_thread(_piece, path, file, stands.get(file, _Stand())):
                doubts += self._take(ear, piece, stands)
                heard = True
                await asyncio.sleep(0)
        # What a bad line said stands until a good one came.
        self._doubtful = bool(doubts) or (self._doubtful and not heard)
        if doubts:
            ear.failed(doubts[0])
        elif not self._doubtful:
            ear.well()

    def _take(self, ear: Ear, piece: _Piece, stands: dict[str, _Stand]) -> list[Reject]:
        """Bring the lines of a piece to the ear; the doubts about them."""
        doubts = [Reject("not_understood", f"a line of more than {_CHUNK} bytes")] if piece.stand.torn else []
        records = self._records(piece, doubts)
        heard = self._interpreter.hear(records)
        stands[piece.file] = piece.stand
        ear.take(heard.said, msgspec.json.encode(stands).decode())
        return doubts + heard.doubts

    def _files(self, stands: dict[str, _Stand]) -> list[tuple[Path, str]]:
        """The files to read, oldest first; those that are gone are forgotten."""
        path = self._section.path
        folder, match = (path, self._section.match) if path.is_dir() else (path.parent, "")
        found = []
        for each in folder.iterdir():
            with suppress(FileNotFoundError):
                about = each.stat()
                file = f"{about.st_dev}:{about.st_ino}"
                wanted = each.match(match) if match else each.name == path.name
                if each.is_file() and (wanted or file in stands):
                    found.append((about.st_mtime_ns, each, file))
        if not match and not any(each.name == path.name for _, each, _ in found):
            raise FileNotFoundError(f"there is no {path.name} in its folder")
        for gone in stands.keys() - {file for _, _, file in found}:
            del stands[gone]
        return [(each, file) for _, each, file in sorted(found)]

    def _records(self, piece: _Piece, doubts: list[Reject]) -> list[Any]:
        section = self._section
        text = codecs.decode(piece.lines, section.encoding, "replace")
        lines = [line for line in text.replace("\0", "\ufffd").split("\n") if line.strip()]
        titles = list(section.columns) or piece.stand.titles
        if section.format == "csv" and not titles and lines:
            titles = piece.stand.titles = [title.strip() for title in _cells(lines.pop(0), section.separator)]
        records = []
        for line in lines:
            try:
                if section.format == "json":
                    records.append(decoded(line.encode()))
                elif (cells := _cells(line, section.separator)) != titles:
                    records.append(_record(titles, cells))
            except Reject as error:
                doubts.append(error)
        return records


def _cells(line: str, separator: str) -> list[str]:
    """The cells of a line; alone, since a quote that nobody closes would swallow the lines behind it."""
    try:
        return next(csv.reader([line.strip("\r")], delimiter=separator))
    except csv.Error as error:
        raise Reject("not_understood", f"a line is no CSV: {error}") from error


def _record(titles: list[str], cells: list[str]) -> dict[str, str | None]:
    if len(cells) != len(titles):
        raise Reject("not_understood", f"a line has {len(cells)} columns, not {len(titles)}")
    # An empty cell is a missing value, which is no zero.
    return {title: cell if cell.strip() else None for title, cell in zip(titles, cells, strict=True)}


def _piece(path: Path, file: str, stand: _Stand) -> _Piece | None:
    """The next whole lines of a file, None where there are none; from its beginning where it is no longer the same."""
    try:
        # Unbuffered: what is looked at again is what is there by then.
        with path.open("rb", buffering=0) as opened:
            about = os.fstat(opened.fileno())
            if f"{about.st_dev}:{about.st_ino}" != file:
                return None
            if not _same(opened, stand):
                stand = _Stand()
            opened.seek(stand.offset)
            chunk = opened.read(_CHUNK)
            end = chunk.rfind(b"\n") + 1
            torn = not end and len(chunk) == _CHUNK
            if torn:
                end = len(chunk)
            if not end:
                return None
            begin = chunk.index(b"\n") + 1 if stand.torn and not torn else 0
            offset = stand.offset + end
            known = _known(opened, offset) if stand.offset else _hash(chunk[: min(_SAMPLE, end)], chunk[:end])
            if not _same(opened, stand):
                return None  # it was begun anew while we read: the next turn does so too
            standing = _Stand(offset, known, list(stand.titles), torn)
            return _Piece(file, b"" if torn else chunk[begin:end], standing)
    except FileNotFoundError:
        return None


def _same(opened: BinaryIO, stand: _Stand) -> bool:
    """Whether a file still begins with what was read of it."""
    return not stand.offset or _known(opened, stand.offset) == stand.known


def _known(opened: BinaryIO, offset: int) -> str:
    """What the first `offset` bytes are known by."""
    opened.seek(0)
    head = opened.read(min(_SAMPLE, offset))
    opened.seek(max(offset - _SAMPLE, 0))
    return _hash(head, opened.read(min(_SAMPLE, offset)))


def _hash(head: bytes, read: bytes) -> str:
    return hashlib.sha256(head + read[-_SAMPLE:]).hexdigest()[:16]


def check(wired: Wired, others: Sequence[Wired]) -> None:  # noqa: ARG001 - several devices may be in one file
    """ValueError for readings that the device's kind does not have."""
    fits(wired)


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Speaker]]:
    """The devices by id."""
    yield {each.device: Tail(each) for each in wired}
