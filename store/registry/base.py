"""The registry database: one engine, one declarative base, transactions."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Integer, Numeric, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DataError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from schema.errors import Reject, RetryLater, Stop


class Base(DeclarativeBase):
    """Base of every registry table; int is 64 bits (instants are microseconds), money is exact."""

    type_annotation_map: ClassVar = {
        int: BigInteger().with_variant(Integer, "sqlite"),
        Decimal: Numeric(18, 6),
        dict[str, Any]: JSON,
    }


class Registry:
    """A registry database; `url` is an SQLAlchemy address, `sqlite:///path` or `postgresql+psycopg://...`."""

    def __init__(self, url: str) -> None:
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        try:
            self.engine: Engine = create_engine(url, pool_pre_ping=True)
        except ArgumentError as error:
            raise Stop(f"the registry is sqlite:///path or postgresql+psycopg://user@host/database: {error}") from error
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._write = sessionmaker(self.engine, expire_on_commit=False)
        self._read = sessionmaker(self.engine.execution_options(reads_only=True), expire_on_commit=False)

    def writing(self) -> AbstractContextManager[Session]:
        """One transaction: committed at the end, rolled back on any error; RetryLater when the database is away.

        Reject for a value that this database cannot hold, such as a text with NUL in PostgreSQL.
        """
        return _transaction(self._write)

    def reading(self) -> AbstractContextManager[Session]:
        """One consistent view, for queries only; it never waits for a writer."""
        return _transaction(self._read)

    def close(self) -> None:
        """Release the connections."""
        self.engine.dispose()


def insert_into(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the session's dialect, which can say ON CONFLICT."""
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)


@contextmanager
def _transaction(factory: sessionmaker[Session]) -> Iterator[Session]:
    try:
        with factory.begin() as session:
            yield session
    except OperationalError as error:
        raise RetryLater(f"registry database: {error.orig}") from error
    except DataError as error:
        raise Reject("not_storable", f"{error.orig}") from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    """WAL and FULL: a committed transaction survives power loss; others wait for the one writer."""
    # The driver's own transaction control is switched off so that BEGIN IMMEDIATE below is the only BEGIN.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes would fail with SQLITE_BUSY_SNAPSHOT where it should have waited.
    reads_only = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
