"""What a gate remembers through a reboot: the permit list, who it let in, its counters and event numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from access.decision import Direction, Presence
from access.permit import Permit
from edge.durable import open_durable, transaction

_TABLES = (
    "life (id TEXT, numbered INTEGER NOT NULL, entries INTEGER NOT NULL, exits INTEGER NOT NULL, version TEXT)",
    "permit (credential TEXT PRIMARY KEY, body BLOB NOT NULL)",
    "holder (credential TEXT PRIMARY KEY, inside INTEGER NOT NULL, since INTEGER NOT NULL, uses INTEGER NOT NULL)",
)


class Counts(NamedTuple):
    """Passages so far, each way."""

    entries: int
    exits: int


class GateBook:
    """The memory of one gate in the SQLite file `path`; `entropy(n)` gives n random bytes (os.urandom)."""

    def __init__(self, path: Path, now: int, entropy: Callable[[int], bytes]) -> None:
        self._db = open_durable(path, _TABLES, now)
        if self._db.execute("SELECT id FROM life").fetchone() is None:
            self._db.execute("INSERT INTO life VALUES (?, 0, 0, 0, NULL)", (entropy(6).hex(),))

    @property
    def version(self) -> str | None:
        """The version of the permit list, None before the first one."""
        version: str | None = self._db.execute("SELECT version FROM life").fetchone()[0]
        return version

    @property
    def counts(self) -> Counts:
        """The two counters."""
        return Counts(*self._db.execute("SELECT entries, exits FROM life").fetchone())

    def permit(self, credential: str) -> Permit | None:
        """The permit of a credential."""
        row = self._db.execute("SELECT body FROM permit WHERE credential = ?", (credential,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Permit)

    def presence(self, credential: str) -> Presence:
        """What this gate itself saw of a holder."""
        row = self._db.execute("SELECT inside, since, uses FROM holder WHERE credential = ?", (credential,)).fetchone()
        return Presence() if row is None else Presence(bool(row[0]), row[1], row[2])

    def replace(self, version: str, permits: Sequence[Permit]) -> None:
        """Take a new list for the old one, all or nothing."""
        with transaction(self._db):
            self._db.execute("DELETE FROM permit")
            self._db.executemany(
                "INSERT OR REPLACE INTO permit VALUES (?, ?)",
                [(permit.credential, msgspec.json.encode(permit)) for permit in permits],
            )
            self._db.execute("UPDATE life SET version = ?", (version,))

    def number(self) -> str:
        """A new event id, never given before: numbers run on through restarts, and a new file has a new prefix."""
        with transaction(self._db):
            self._db.execute("UPDATE life SET numbered = numbered + 1")
            life, number = self._db.execute("SELECT id, numbered FROM life").fetchone()
        return f"{life}-{number}"

    def passed(self, credential: str, direction: Direction, now: int) -> None:
        """Count a passage, and remember which side the holder is on."""
        entered = direction == "in"
        with transaction(self._db):
            self._db.execute(f"UPDATE life SET {'entries = entries' if entered else 'exits = exits'} + 1")  # noqa: S608
            self._db.execute(
                "INSERT INTO holder VALUES (?, ?, ?, ?) ON CONFLICT (credential) DO UPDATE"
                " SET inside = excluded.inside, since = excluded.since, uses = uses + excluded.uses",
                (credential, entered, now, entered),
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()
