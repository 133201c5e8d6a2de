"""The parts every service works with, opened as the settings say and closed at the end."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dayuan.settings import Settings
from schema.errors import Stop
from store.registry.base import Registry
from store.registry.migrate import upgrade
from store.series import open_store
from store.series.port import SeriesStore

SECRET_LENGTH = 64


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


@contextmanager
def registry_alone(settings: Settings) -> Iterator[Registry]:
    """The registry, its tables up to date, beside a running platform, which may hold the store."""
    with closing(Registry(settings.registry_url)) as registry:
        upgrade(registry)
        yield registry


def pepper(secret: str) -> bytes:
    """The key that credentials are hashed with, derived from the platform's secret."""
    return hmac.digest(secret.encode(), b"credential pepper", hashlib.sha256)


def make_folder(path: Path) -> None:
    """The folder, made if need be; Stop where it cannot be, or not be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(f"cannot make the data folder {path}: {error.strerror}; set DAYUAN_DATA to one that can") from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise Stop(f"this user may not write to the data folder {path}; give it the right, or set DAYUAN_DATA")


def secret(settings: Settings) -> str:
    """The secret that is set, or the one kept in the data folder, made at the first start."""
    if settings.secret.get_secret_value():
        return settings.secret.get_secret_value()
    path = settings.data / "secret"
    try:
        if not path.exists():
            _make_secret(path)
        kept = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise Stop(f"the secret in {path}: {error.strerror}; correct that, or set DAYUAN_SECRET") from error
    if len(kept) < SECRET_LENGTH:
        remedy = "put a backup there; without it, delete it: all then sign in, and permits are issued, again"
        raise Stop(f"the secret in {path} is damaged: {remedy}")
    return kept


def _make_secret(path: Path) -> None:
    # Linked when it is whole: a full disk leaves no half of a secret, and of two that start together one wins.
    part = path.with_name(f"secret.{os.getpid()}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SECRET_LENGTH // 2))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
