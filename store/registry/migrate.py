"""Bringing a registry database up to date with this version's tables, by Alembic."""

import importlib
import pkgutil
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

import store.registry
from schema.errors import Stop
from store.registry.base import Base, Registry


def configuration() -> Config:
    """Alembic's configuration; there is no alembic.ini, the connection is handed over by the caller."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def upgrade(registry: Registry) -> None:
    """Create or upgrade every table."""
    with registry.engine.connect() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


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
