"""Bringing a registry database up to date with this version's tables, by Alembic."""

import importlib
import pkgutil
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError, OperationalError

import store.registry
from schema.errors import RetryLater, Stop
from store.registry.base import Base, Registry

_LOCK = 0x64617975616E  # "dayuan"
_FORMAT = {
    "hooks": "ruff",
    "ruff.type": "module",
    "ruff.module": "ruff",
    "ruff.options": "format --quiet REVISION_SCRIPT_FILENAME",
}


def configuration() -> Config:
    """Alembic's configuration; there is no alembic.ini, the connection is handed over by the caller."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    # A migration written by `write_revision` has the style of the house.
    for option, value in _FORMAT.items():
        config.set_section_option("post_write_hooks", option, value)
    return config


def upgrade(registry: Registry) -> None:
    """Create or upgrade every table, one process at a time; RetryLater when away, Stop when damaged or too new."""
    try:
        with registry.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                # SQLite lets one writer in by itself; here services that start together would make the same tables.
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except OperationalError as error:
        raise RetryLater(f"registry database: {error.orig}") from error
    except DatabaseError as error:
        raise Stop(f"registry database: {error.orig}; put a backup in its place") from error
    except CommandError as error:
        raise Stop(f"registry database: {error}: a newer version made it; install that one") from error


def pending(registry: Registry) -> int:
    """How many migrations a database still has to go."""
    script = ScriptDirectory.from_config(configuration())
    with registry.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return len(list(script.iterate_revisions("head", current or "base")))


def write_revision(message: str) -> Path:
    """A new migration file, from the newest migration to the models; made against an empty database in memory."""
    registry = Registry("sqlite://")
    with registry.engine.connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        script = ScriptDirectory.from_config(config)
        number = f"{len(list(script.walk_revisions())) + 1:04d}"
        written = command.revision(config, message=message, autogenerate=True, rev_id=number)
    registry.close()
    if not isinstance(written, Script):
        raise Stop("Alembic wrote no single migration")
    return Path(written.path)


def tables() -> type[Base]:
    """The declarative base with every table of this package known to it."""
    for module in pkgutil.iter_modules(store.registry.__path__):
        if not module.ispkg:
            importlib.import_module(f"store.registry.{module.name}")
    return Base
