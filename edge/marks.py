"""Marks: how far the agent has heard each device that tells its history, on disk."""

import logging
from pathlib import Path

from edge.durable import open_durable, transaction
from schema.instant import Clock

log = logging.getLogger(__name__)


class Marks:
    """The marks in the SQLite file `path`; a damaged one begins anew: devices are then heard again from the start."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._db = open_durable(path, ("mark (name TEXT PRIMARY KEY, mark TEXT NOT NULL)",), clock())

    def get(self, name: str) -> str:
        """The mark of that name, empty for none."""
        row = self._db.execute("SELECT mark FROM mark WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def set(self, name: str, mark: str) -> None:
        """Keep a mark; on disk when this returns. RetryLater when the disk takes no more."""
        with transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (name, mark))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
