"""The file an agent works by: read again when it changes or is told to, or replaced by what the platform sends."""

import asyncio
import logging
import os
import shutil
from pathlib import Path

from edge.settings import AgentSettings, load
from edge.source import Stamp, stamp
from edge.wiring import Changes, Wiring
from schema.errors import DayuanError, Stop

log = logging.getLogger(__name__)

_LOOK = 2.0
"""Seconds between two looks at the files."""


class Configuration:
    """The file at `path`, and the devices and gates it wires; whatever is wrong in a new one, the old one stays.

    The files it names (maps, certificates, secrets) are parts of it.
    """

    def __init__(self, path: Path, wiring: Wiring) -> None:
        self._path = path
        self._wiring = wiring
        self._turn = asyncio.Lock()
        self._again = asyncio.Event()
        self._seen: dict[Path, Stamp] = {}
        # What the devices were first wired from is not known here: it is read once more.
        self._again.set()

    def reread(self) -> None:
        """Read the file again soon, whether it changed or not."""
        self._again.set()

    async def watch(self) -> None:
        """Follow the files for ever; a fault in them is said once, for each time one is written."""
        while True:
            try:
                async with asyncio.timeout(_LOOK):
                    await self._again.wait()
            except TimeoutError:
                if all(stamp(path) == seen for path, seen in self._seen.items()):
                    continue
            self._again.clear()
            async with self._turn:
                before = {path: stamp(path) for path in self._seen}
                self._seen = {self._path: stamp(self._path)}
                try:
                    _say(await self._wiring.change(await self._load(self._seen)))
                except DayuanError as error:
                    # One of the files it still works by, or of those it was to, may make it good.
                    self._seen = before | self._seen
                    log.warning("the configuration stays as it was: %s", error)

    async def replace(self, text: str) -> None:
        """Work by this text and keep it as the file, the one before beside it as `.before`; Stop changes nothing."""
        async with self._turn:
            before = self._wiring.settings
            looked: dict[Path, Stamp] = {}
            changes = await self._wiring.change(await self._load(looked, text))
            try:
                self._write(text)
            except OSError as error:
                if before is not None:
                    await self._wiring.change(before)
                raise Stop(f"{self._path} cannot be written: {error.strerror}; let the agent write it") from error
            self._seen = looked | {self._path: stamp(self._path)}
            _say(changes)

    async def _load(self, looked: dict[Path, Stamp], text: str | None = None) -> AgentSettings:
        """In a thread: to find the lines of many faults takes seconds, in which meters want to be read."""
        try:
            return await asyncio.to_thread(load, self._path, text, looked)
        except DayuanError:
            raise
        except Exception as error:  # whatever somebody sends does not end the agent
            raise Stop(f"{self._path} cannot be understood: {type(error).__name__}: {error}") from error

    def _write(self, text: str) -> None:
        """Replace the file, at once or not at all; it may hold secrets, so that none but the owner reads it."""
        # What a link names is replaced, not the link.
        path = self._path.resolve()
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.touch(0o600, exist_ok=False)
        with fresh.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        before = path.with_name(f"{path.name}.before")
        before.unlink(missing_ok=True)
        shutil.copy2(path, before)
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def described(settings: AgentSettings) -> str:
    """What a configuration has, in one line."""
    return f"{len(settings.devices)} devices and {len(settings.gates)} gates of {settings.site}"


def _say(changes: Changes) -> None:
    if changes.begun or changes.ended:
        log.warning("new configuration: %d begun, %d ended, %d left alone", *changes)
