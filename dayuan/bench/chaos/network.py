"""A network that fails in every way a real one does, between two programs on this machine."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, Self

Fault = Literal["cut", "stall", "deaf", "mute"]
"""Connections end and none can be made; nothing moves; what the server says is lost; what the client says is."""

FAULTS: tuple[Fault, ...] = ("cut", "stall", "deaf", "mute")
_CHUNK = 1 << 16


class Wire:
    """A way to the server on port `target` of 127.0.0.1, by its own `port`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._fault: Fault | None = None
        self._changed = asyncio.Event()
        self._lossy: set[asyncio.WriteTransport] = set()
        self._open: set[asyncio.WriteTransport] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def listen(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def suffer(self, fault: Fault | None) -> None:
        """Fail in one way, or work again; connections that lost something along the way end then, as streams do."""
        for transport in self._open if fault == "cut" else self._lossy:
            transport.abort()
        self._lossy.clear()
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """Take no more connections, and end those there are."""
        if self._server is not None:
            self._server.close()
        for transport in self._open:
            transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while self._fault == "stall":
                await self._changed.wait()
            if self._fault != "cut":
                there = await asyncio.open_connection("127.0.0.1", self._target)
                await self._join((reader, writer), there)
        writer.transport.abort()

    async def _join(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        transports = {client[1].transport, server[1].transport}
        self._open |= transports
        pumps = [
            asyncio.create_task(self._pump(client[0], server[1], "mute", transports)),
            asyncio.create_task(self._pump(server[0], client[1], "deaf", transports)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for transport in transports:
            transport.close()
        self._open -= transports
        self._lossy -= transports

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        loses: Fault,
        both: set[asyncio.WriteTransport],
    ) -> None:
        while data := await reader.read(_CHUNK):
            while self._fault == "stall":
                await self._changed.wait()
            if self._fault == loses:
                self._lossy |= both
                continue
            writer.write(data)
            await writer.drain()


class Network:
    """Wires by name, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self.wires: dict[str, Wire] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wire(self, name: str, target: int) -> int:
        """Lay a wire to a port; the port to connect to instead."""

        async def lay() -> int:
            self.wires[name] = wire = Wire(target)
            await wire.listen()
            return wire.port

        return asyncio.run_coroutine_threadsafe(lay(), self._loop).result()

    def suffer(self, name: str, fault: Fault | None) -> None:
        """See Wire."""
        self._call(lambda: self.wires[name].suffer(fault))

    async def _end(self) -> None:
        for wire in self.wires.values():
            wire.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        # A transport that was aborted lets go of its socket in the next turn of the loop.
        await asyncio.sleep(0)

    def _call(self, work: Callable[[], None]) -> None:
        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()
