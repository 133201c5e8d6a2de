"""SQLite files of the edge: what a call wrote is on disk when it returns, and a damaged file never stops the agent."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.wal import holed
from schema.errors import RetryLater, Stop

log = logging.getLogger(__name__)


def open_durable(
    path: Path,
    tables: Sequence[str],
    now: int,
    check: Callable[[sqlite3.Connection], None] | None = None,
    rescue: Callable[[sqlite3.Connection, sqlite3.Connection], None] | None = None,
) -> sqlite3.Connection:
    """The database at `path` with its `tables`, ours alone; one that is not sound is moved aside for an empty one.

    `check` raises DatabaseError for content that is not sound; `rescue` copies what can be read of a damaged database
    into the new one. Stop when another process has it open, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _open(path, tables, check)
    except (OSError, sqlite3.OperationalError) as error:
        raise Stop(f"{path}: {error}; does another agent use it, may this one write there?") from error
    except sqlite3.DatabaseError as error:
        aside = _move_aside(path, now)
        log.critical("%s is damaged (%s): moved to %s, beginning with an empty one", path, error, aside.name)
        fresh = _open(path, tables, None)
        if rescue is not None:
            with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(aside)) as damaged:
                rescue(damaged, fresh)
        return fresh


def room(db: sqlite3.Connection, path: Path) -> tuple[int, int]:
    """Bytes free on the disk of a database, and bytes free within its file."""
    disk = os.statvfs(path.parent)
    (pages,), (page,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    return disk.f_bavail * disk.f_frsize, pages * page


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; RetryLater when the disk takes no more."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException as error:
        # SQLite has already rolled back by itself on some errors, a full disk among them.
        if db.in_transaction:
            db.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            # What stands in the log is in the file then, and the log is written from its beginning: that needs no room.
            with contextlib.suppress(sqlite3.OperationalError):
                db.execute("PRAGMA wal_checkpoint(RESTART)")
            raise RetryLater(f"disk: {error}", after=10) from error
        raise


def _open(path: Path, tables: Sequence[str], check: Callable[[sqlite3.Connection], None] | None) -> sqlite3.Connection:
    if holed(path.with_name(f"{path.name}-wal")):
        raise sqlite3.DatabaseError("its write-ahead log is broken before its end")
    db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
    try:
        # EXCLUSIVE: two processes sending one stream would each delete what the other has not sent.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            db.execute(f"PRAGMA {pragma}")
        _check(db)
        for table in tables:
            db.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        if check is not None:
            check(db)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    (fault,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if fault != "ok":
        raise sqlite3.DatabaseError(fault)


def _move_aside(path: Path, now: int) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{now}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
