"""What an agent's configuration comes to: its devices and gates at work, and how another configuration replaces it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from edge import drivers
from edge.agent import Agent
from edge.driver import Rolling, Speaker
from edge.drivers import Wired
from edge.gate import Gate
from edge.settings import AgentSettings, Device, GateSettings
from schema.errors import DayuanError, Stop
from schema.instant import Clock


class Changes(NamedTuple):
    """How many devices and gates were begun (new or changed), ended (gone or changed), and left as they were."""

    begun: int
    ended: int
    kept: int


class _Running(NamedTuple):
    tasks: Sequence[asyncio.Task[None]]
    open: AsyncExitStack


class Wiring:
    """`async with Wiring(agent, clock, entropy) as wiring:` runs the configuration it was last changed to."""

    def __init__(self, agent: Agent, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._agent = agent
        self._clock = clock
        self._entropy = entropy
        self._running: dict[str, _Running] = {}
        self._told: dict[str, Device | GateSettings] = {}
        self.settings: AgentSettings | None = None
        self.devices: dict[str, Device] = {}
        self.gates: dict[str, Gate] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._running):
            await self._end(name)

    async def change(self, settings: AgentSettings) -> Changes:
        """Work by other settings; only what is another in them is ended or begun. Stop leaves everything as it was."""
        before = self.settings
        if before is not None and (other := _other(before, settings)):
            raise Stop(f"{', '.join(other)} cannot be changed while the agent runs: correct the file and start it anew")
        try:
            return await self._change(settings)
        except Exception as error:
            why = str(error) if isinstance(error, DayuanError) else f"{type(error).__name__}: {error}"
            try:
                if before is not None:
                    await self._change(before)
            except Exception as worse:
                raise Stop(f"{why}; nor can what was before be begun again: {worse}") from worse
            raise Stop(why) from error

    async def _change(self, settings: AgentSettings) -> Changes:
        told: dict[str, Device | GateSettings] = {device.id: device for device in settings.devices}
        told |= {gate.device.id: gate for gate in settings.gates}
        ended = [name for name, each in self._told.items() if told.get(name) != each]
        # All before the first is begun: what ends may hold the line, or the port, that another wants.
        for name in ended:
            await self._end(name)
        self._agent.gone(
            *(name for name in ended if name not in told or _topic(told[name]) != _topic(self._told[name]))
        )
        self._told = {name: each for name, each in self._told.items() if name not in ended}
        wired = {each.device: each for each in settings.wired}
        begun = [name for name in told if name not in self._told]
        for name in begun:
            await self._begin(name, told[name], settings.site, wired.get(name))
            self._told[name] = told[name]
        self.settings = settings
        return Changes(len(begun), len(ended), len(told) - len(begun))

    async def _begin(self, name: str, told: Device | GateSettings, site: str, wired: Wired | None) -> None:
        async with AsyncExitStack() as stack:
            if isinstance(told, GateSettings):
                tasks = await self._open_gate(stack, told, site)
            else:
                tasks = await self._connect(stack, told, wired)
            self._running[name] = _Running(tasks, stack.pop_all())

    async def _open_gate(self, stack: AsyncExitStack, told: GateSettings, site: str) -> list[asyncio.Task[None]]:
        gate = await stack.enter_async_context(Gate(told, site, self._agent, self._clock, self._entropy))
        device = told.device
        self._agent.born(device)
        self.gates[device.id] = gate
        return [
            self._agent.start(f"permits of {device.id}", gate.synchronise()),
            self._agent.poll(device.id, gate, device.seconds),
        ]

    async def _connect(self, stack: AsyncExitStack, device: Device, wired: Wired | None) -> list[asyncio.Task[None]]:
        """Announce a device, and have its driver read it, if it has one."""
        if wired is None:
            self._announce(device)
            return []
        driver = (await stack.enter_async_context(drivers.connect([wired])))[device.id]
        if device.width is None and isinstance(driver, Rolling):
            device = msgspec.structs.replace(device, width=driver.width)
        self._announce(device)
        if isinstance(driver, Speaker):
            return [self._agent.listen(device.id, wired.bus, driver)]
        return [self._agent.poll(device.id, driver, wired.interval)]

    def _announce(self, device: Device) -> None:
        self._agent.born(device)
        self.devices[device.id] = device

    async def _end(self, name: str) -> None:
        self.devices.pop(name, None)
        self.gates.pop(name, None)
        running = self._running.pop(name, None)
        if running is None:
            return
        for task in running.tasks:
            task.cancel()
        if running.tasks:
            await asyncio.wait(running.tasks)
        await running.open.aclose()


def _other(before: AgentSettings, after: AgentSettings) -> list[str]:
    """The names of what is another, besides devices and gates."""
    names = [name for name in before.__struct_fields__ if name not in ("devices", "gates")]
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def _topic(told: Device | GateSettings) -> tuple[str, str]:
    device = told.device if isinstance(told, GateSettings) else told
    return device.building, device.kind
