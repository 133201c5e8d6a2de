"""Bringing a registry database up to date with this version's tables, by Alembic."""

import importlib
import pkgutil
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import store.registry
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


def tables() -> type[Base]:
    """The declarative base with every table of this package known to it."""
    for module in pkgutil.iter_modules(store.registry.__path__):
        if not module.ispkg:
            importlib.import_module(f"store.registry.{module.name}")
    return Base
