"""An ear for tests of drivers that speak: the agent's own, over a list instead of an outbox."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec

from bus.messages import Trouble
from devices import kinds
from edge.driver import Speaker
from edge.drivers import Wired, bus, connect
from edge.ear import Heard
from edge.health import Health
from edge.marks import Marks
from schema.errors import RetryLater
from schema.event import Event
from schema.instant import now
from schema.reading import Reading


class Kept:
    """What a device said; `full` takes nothing, as a full disk does."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.events: list[Event] = []
        self.troubles: list[Trouble | None] = []
        self.full = False

    def record(self, readings: Sequence[Reading]) -> None:
        if self.full:
            raise RetryLater("disk: full")
        self.readings += readings

    def record_event(self, device: str, *events: Event) -> None:
        assert device
        self.events += events

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.events]

    @property
    def reasons(self) -> list[str | None]:
        """The troubles told, None where one was over."""
        return [None if trouble is None else trouble.reason for trouble in self.troubles]


def wired(name: str, kind: str, driver: str, section: Mapping[str, object], interval: float = 0.1) -> Wired:
    told = msgspec.convert(section, bus(driver).Section, dec_hook=lambda kind, path: kind(Path(path)))
    return Wired(name, kinds()[kind], interval, driver, told)


@asynccontextmanager
async def hearing(folder: Path, *wires: Wired) -> AsyncIterator[Kept]:
    """Everything that devices say for the length of the block, their marks kept in a folder."""
    kept = Kept()
    with closing(Marks(folder / "o.marks", now)) as marks:
        async with connect(wires) as drivers:
            tasks = []
            for each in wires:
                driver = drivers[each.device]
                assert isinstance(driver, Speaker)
                ear = Heard(kept, each.device, marks, each.device, Health(each.device, kept.troubles.append), now)
                tasks.append(asyncio.create_task(driver.speak(ear)))
            try:
                yield kept
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)
