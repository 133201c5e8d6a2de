"""Drivers of field buses: one file a protocol, named like a device's section, imported when a device has one.

`[devices.modbus]` names edge/drivers/modbus.py. Such a file declares what `Bus` says; there is no list to add it to.
A file without a `Section` and `connect` belongs to another and is no driver.
"""

import pkgutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import msgspec

from devices.kind import DeviceKind
from edge.driver import Driver, Speaker
from edge.suggestion import unknown
from schema.errors import Stop
from schema.text import Text


class Wired(NamedTuple):
    """A device on a bus, read every `interval` seconds; `section` is what its section of the configuration says."""

    device: str
    kind: DeviceKind
    interval: float
    bus: str
    section: Any


class Value(NamedTuple):
    """What a point of a probed meter reads."""

    point: str
    value: float
    unit: str


class Found(NamedTuple):
    """A meter that answered a probe: what it seems to be, what it reads, and the configuration that reads it."""

    title: Text
    values: tuple[Value, ...]
    toml: str


class Bus(Protocol):
    """What the file of a driver declares."""

    Section: type[msgspec.Struct]
    """The section of a device."""

    def check(self, wired: Wired, others: Sequence[Wired]) -> None:
        """ValueError or Stop for a device that cannot work as told, beside all the others of the driver."""
        ...

    def connect(self, wired: Sequence[Wired]) -> AbstractAsyncContextManager[Mapping[str, Driver | Speaker]]:
        """The drivers of devices by id; a line opens when it is first read and closes with its last device."""
        ...


@runtime_checkable
class Probing(Bus, Protocol):
    """A driver that can look for devices."""

    async def probe(self, url: str) -> list[Found]:
        """Who answers at a url; RetryLater when the line cannot be opened."""
        ...


def names() -> list[str]:
    """The names of the drivers that can be used here."""
    return [module.name for module in pkgutil.iter_modules(__path__) if _loaded(module.name, missing_ok=True)]


def bus(name: str) -> Bus:
    """The driver of that name; Stop for one that is not there, or whose library is not installed."""
    found = _loaded(name) if name in {module.name for module in pkgutil.iter_modules(__path__)} else None
    if found is None:
        raise Stop(unknown("driver", name, names()))
    return found


def _loaded(name: str, *, missing_ok: bool = False) -> Bus | None:
    try:
        module = import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if missing_ok:
            return None
        raise Stop(f"the driver {name!r} needs {error.name}: pip install {error.name}") from error
    return cast(Bus, module) if hasattr(module, "Section") and hasattr(module, "connect") else None


@asynccontextmanager
async def connect(wired: Sequence[Wired]) -> AsyncIterator[dict[str, Driver | Speaker]]:
    """The drivers of devices on any buses, by device id."""
    async with AsyncExitStack() as stack:
        drivers: dict[str, Driver | Speaker] = {}
        for name in sorted({each.bus for each in wired}):
            mine = [each for each in wired if each.bus == name]
            drivers |= await stack.enter_async_context(bus(name).connect(mine))
        yield drivers


async def probe(url: str) -> list[Found]:
    """Who answers at a url that begins with the name of its driver, such as modbus+tcp://192.0.2.7."""
    name = url.partition(":")[0].partition("+")[0]
    found = bus(name)
    if not isinstance(found, Probing):
        raise Stop(f"the driver {name!r} cannot look for devices; write their sections by hand")
    return await found.probe(url)
