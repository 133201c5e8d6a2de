"""The parts every service works with, opened as the settings say and closed at the end."""

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dayuan.settings import Settings
from schema.errors import Stop
from store.registry.base import Registry
from store.registry.migrate import upgrade
from store.series import open_store
from store.series.port import SeriesStore


@dataclass(frozen=True, slots=True)
class Parts:
    """The time-series store, the registry with its tables up to date, and the platform's secret."""

    settings: Settings
    store: SeriesStore
    registry: Registry
    secret: str

    @property
    def pepper(self) -> bytes:
        """The key that credentials are hashed with."""
        return pepper(self.secret)


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """The parts, for as long as the block lives."""
    with ExitStack() as stack:
        make_folder(settings.data)
        registry = Registry(settings.registry_url)
        stack.callback(registry.close)
        upgrade(registry)
        store = open_store(settings.store_url)
        stack.callback(store.close)
        yield Parts(settings, store, registry, secret(settings))


def pepper(secret: str) -> bytes:
    """The key that credentials are hashed with, derived from the platform's secret."""
    return hmac.digest(secret.encode(), b"credential pepper", hashlib.sha256)


def make_folder(path: Path) -> None:
    """The folder, made if need be; Stop where it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(f"cannot make the data folder {path}: {error.strerror}; set DAYUAN_DATA to one that can") from error


def secret(settings: Settings) -> str:
    """The secret that is set, or the one kept in the data folder, made at the first start."""
    if settings.secret.get_secret_value():
        return settings.secret.get_secret_value()
    path = settings.data / "secret"
    if not path.exists():
        # Whole before it is there: a service that starts at the same moment reads all of it or makes none.
        new = path.with_name(f"secret.{os.getpid()}")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
        new.unlink()
    return path.read_text(encoding="ascii").strip()
