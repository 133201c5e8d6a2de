"""Drivers of field buses: one file a protocol, named like a device's section, imported when a device has one.

`[devices.modbus]` names edge/drivers/modbus.py. Such a file declares what `Bus` says; there is no list to add it to.
A file with an underscore in its name belongs to a driver and is none.
"""

import pkgutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import msgspec

from devices.kind import DeviceKind
from edge.driver import Driver
from schema.errors import Stop
from schema.reading import Reading
from schema.text import Text


class Wired(NamedTuple):
    """A device on a bus, read every `interval` seconds; `section` is what its section of the configuration says."""

    device: str
    kind: DeviceKind
    interval: float
    bus: str
    section: Any


class Found(NamedTuple):
    """A meter that answered a probe: what it seems to be, what it reads, and the configuration that reads it."""

    title: Text
    readings: tuple[Reading, ...]
    toml: str


class Bus(Protocol):
    """What the file of a driver declares."""

    Section: type[msgspec.Struct]
    """The section of a device; its `url` has the scheme `<driver>+...` and says where the line is."""

    def connect(self, wired: Sequence[Wired]) -> AbstractAsyncContextManager[dict[str, Driver]]:
        """The drivers of devices by id; a line opens when it is first read and closes with the block."""
        ...

    async def probe(self, url: str) -> list[Found]:
        """Who answers at a url; RetryLater when the line cannot be opened."""
        ...


def names() -> list[str]:
    """The names of all drivers."""
    return [module.name for module in pkgutil.iter_modules(__path__) if "_" not in module.name]


def bus(name: str) -> Bus:
    """The driver of that name; Stop for one that is not there, or whose library is not installed."""
    if name not in names():
        raise Stop(f"there is no driver {name!r}; known are {', '.join(names())}")
    try:
        return cast(Bus, import_module(f"{__name__}.{name}"))
    except ModuleNotFoundError as error:
        raise Stop(f"the driver {name!r} needs {error.name}: pip install {error.name}") from error


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Driver]]:
    """The drivers of devices on any buses, by device id."""
    async with AsyncExitStack() as stack:
        drivers: dict[str, Driver] = {}
        for name in sorted({each.bus for each in wired}):
            mine = [each for each in wired if each.bus == name]
            drivers |= await stack.enter_async_context(bus(name).connect(mine))
        yield drivers


async def probe(url: str) -> list[Found]:
    """Who answers at a url such as modbus+tcp://192.0.2.7; Stop for a scheme that no driver has."""
    return await bus(url.partition(":")[0].partition("+")[0]).probe(url)
