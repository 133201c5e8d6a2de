"""Bringing a registry database up to date with this version's tables, by Alembic."""

import importlib
import pkgutil
from pathlib import Path

from alembic import command
from alembic.config import Config

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


def tables() -> type[Base]:
    """The declarative base with every table of this package known to it."""
    for module in pkgutil.iter_modules(store.registry.__path__):
        if not module.ispkg:
            importlib.import_module(f"store.registry.{module.name}")
    return Base
