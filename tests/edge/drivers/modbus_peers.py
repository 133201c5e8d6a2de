"""Peers of the Modbus tests: a pymodbus server process, a serial line pair, a peer that says what it is told."""

import asyncio
import json
import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from devices import kinds
from edge.drivers import Wired
from edge.drivers.modbus import Section
from tests.servers import program, running

Units = dict[str, dict[str, list[int]]]


def floats(*values: float) -> list[int]:
    """Registers of float32 numbers, high word first."""
    return [word for value in values for word in struct.unpack(">HH", struct.pack(">f", value))]


def generic(energy: float, power: float = 1.5) -> dict[str, list[int]]:
    """The registers of a meter by the map `generic`."""
    return {"0": [*struct.unpack(">4H", struct.pack(">d", energy)), *floats(power, 230.0, 10.0, 0.95, 50.0)]}


def wired(device: str, interval: float = 1.0, **section: object) -> Wired:
    """A device wired to a Modbus line."""
    return Wired(device, kinds()["electricity_meter"], interval, "modbus", Section(**section))  # type: ignore[arg-type]


@contextmanager
def server(folder: Path, where: int | str, units: Units) -> Iterator["subprocess.Popen[bytes]"]:
    """A pymodbus server of these units on a port, or on a serial device."""

    def ready() -> bool:
        if isinstance(where, str):
            return _answers(where, min(units))
        with suppress(OSError), socket.create_connection(("127.0.0.1", where), 0.2):
            return True
        return False

    # A shell of its own is not needed to find the tests: the server runs in the checkout.
    command = [sys.executable, "-m", "tests.edge.drivers.modbus_server", str(where), json.dumps(units)]
    with running(command, folder, ready) as process:
        yield process


@contextmanager
def line_pair(folder: Path) -> Iterator[tuple[str, str]]:
    """The two ends of a serial line."""
    ends = (f"{folder}/here", f"{folder}/there")
    command = [program("socat", "socat"), *(f"pty,raw,echo=0,link={end}" for end in ends)]
    with running(command, folder, lambda: all(os.path.exists(end) for end in ends)):  # noqa: PTH110
        yield ends


@asynccontextmanager
async def peer(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[int]:
    """The port of a peer that answers a request with these bytes, or hangs up for None."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while asked := await reader.read(260):
                said = answer(asked)
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def _answers(tty: str, unit: str) -> bool:
    """Whether a unit answers behind the other end of a serial line."""
    here = tty.replace("there", "here")
    ask = bytes([int(unit), 3, 0, 0, 0, 1])
    line = os.open(here, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.write(line, ask + crc(ask))
        return bool(select.select([line], [], [], 0.2)[0]) and bool(os.read(line, 100))
    finally:
        os.close(line)


def crc(frame: bytes) -> bytes:
    """The checksum of an RTU frame, computed bit by bit (Modbus over Serial Line 6.2.2)."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value.to_bytes(2, "little")
