"""A Modbus line, TCP or serial: one request at a time, and whoever does not answer is left alone for a while."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from edge.health import Disturbed
from schema.errors import Reject, RetryLater

# pymodbus reports each failed request at ERROR; here the caller says a failure once.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

T = TypeVar("T")

FORMS = "modbus+tcp://host[:502], modbus+rtu://host:port or modbus+rtu:///dev/ttyUSB0?baud=9600&parity=E&stop=1"

_LONGEST_REST = 60.0
_LONGEST_DOWN = 10.0
_MOST_SILENT = 3
_NEVER = 3600.0
_REFUSALS = {1: "illegal function", 2: "illegal address", 3: "illegal value"}
_TROUBLES = {4: "device failure", 5: "still working", 6: "busy", 8: "memory error"}
_NOBODY = {10: "gateway has no path", 11: "gateway had no answer"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line is: a host and port, or a serial device with its settings; RTU frames may travel over TCP."""

    host: str = ""
    port: int = 502
    rtu: bool = False
    serial: str = ""
    baud: int = 9600
    parity: str = "N"
    stop: int = 1

    @property
    def end(self) -> str:
        """The serial device, or host:port."""
        return self.serial or f"{self.host}:{self.port}"

    @property
    def silence(self) -> float:
        """Seconds of silence between frames, 3.5 characters, at least 1.75 ms (Modbus over Serial Line 2.5.1.1)."""
        return max(38.5 / self.baud, 0.00175) if self.rtu else 0.0


def place(url: str) -> Place:
    """Where a url points to; ValueError says what is wrong with it."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}; write {FORMS}") from error
    rtu = parts.scheme == "modbus+rtu"
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    at_device = rtu and not parts.hostname and len(parts.path) > 1
    if (
        parts.scheme not in ("modbus+tcp", "modbus+rtu")
        or not (parts.hostname or at_device)
        or (rtu and parts.hostname and not port)
    ):
        raise ValueError(f"{url!r} is no Modbus line; write {FORMS}")
    if unknown := options.keys() - ({"baud", "parity", "stop"} if at_device else set()):
        raise ValueError(f"{url!r}: unknown {', '.join(sorted(unknown))}; write {FORMS}")
    if not at_device:
        return Place(host=parts.hostname or "", port=port or 502, rtu=rtu)
    baud, parity, stop = options.get("baud", "9600"), options.get("parity", "N"), options.get("stop", "1")
    if not baud.isdecimal() or not int(baud) or parity not in ("N", "E", "O") or stop not in ("1", "2"):
        raise ValueError(f"{url!r}: baud is a number, parity N, E or O, stop 1 or 2")
    return Place(serial=parts.path, rtu=True, baud=int(baud), parity=parity, stop=int(stop))


class Line:
    """The one connection to a place, opened when it is first asked and again after it was lost."""

    def __init__(self, where: Place) -> None:
        self._where = where
        self._lock = asyncio.Lock()
        self._client: AsyncModbusSerialClient | AsyncModbusTcpClient | None = None
        self._resting: dict[int, _Rest] = {}
        self._down = _Rest()
        self._silent = 0
        self._heard = b""

    def close(self) -> None:
        """Give the connection up; the next request opens another."""
        if self._client is not None:
            self._client.close()
        self._client = None

    async def open(self, within: float) -> None:
        """Open the connection now; RetryLater when that takes longer than `within` seconds or cannot be."""
        async with self._lock:
            await self._connected(within)

    async def ask(self, unit: int, function: int, address: int, count: int, within: float) -> list[int]:
        """The registers of a unit (function 3 holding, 4 input), answered `within` seconds once it is its turn.

        RetryLater when the line is down, nobody answers or the answer is broken; then, and as often as it happens
        for longer, the unit is not asked at all. Reject("modbus_refused") when the unit says there are no such.
        """
        self._rested(unit)
        async with self._lock:
            self._rested(unit)
            client = await self._connected(within)
            await asyncio.sleep(self._where.silence)
            self._heard = b""
            call = client.read_holding_registers if function == 3 else client.read_input_registers
            try:
                answer = await _result(call(address, count=count, device_id=unit), within)
            except (TimeoutError, ModbusException) as error:
                raise self._unanswered(unit, within) from error
            except asyncio.CancelledError:
                self._unanswered(unit, within)
                raise
            self._silent = 0
            asked = f"registers {address} to {address + count - 1}"
            if isinstance(answer, ExceptionResponse):
                raise self._refused(answer.exception_code, unit, asked, within)
            if answer.function_code != function or len(answer.registers) != count:
                raise Disturbed(f"unit {unit} sent {len(answer.registers)} registers for {asked}{self._told()}")
            self._resting.pop(unit, None)
            return list(answer.registers)

    def _refused(self, code: int, unit: int, asked: str, pause: float) -> Reject | RetryLater:
        if code in _NOBODY:
            after = self._resting.setdefault(unit, _Rest()).extend(pause, _LONGEST_REST)
            return RetryLater(f"unit {unit}: {_NOBODY[code]}", after)
        self._resting.pop(unit, None)
        if code in _REFUSALS:
            return Reject("modbus_refused", f"unit {unit} answers {_REFUSALS[code]} to {asked}")
        return RetryLater(f"unit {unit}: {_TROUBLES.get(code, 'broken answer')} to {asked}{self._told()}")

    def _rested(self, unit: int) -> None:
        """RetryLater while the line, or this unit, is left alone."""
        for rest, who in ((self._down, "the line"), (self._resting.get(unit), f"unit {unit}")):
            if rest and (left := rest.left()) > 0:
                raise rest.why(f"{who} did not answer and is asked again in {left:.0f} s", left)

    async def _connected(self, within: float) -> AsyncModbusSerialClient | AsyncModbusTcpClient:
        if self._client is not None and self._client.connected:
            return self._client
        self.close()
        self._client = client = _client(self._where, self._hear)
        try:
            # Not client.connect(): that keeps the reason to itself.
            client.ctx.transport, _ = await _result(client.ctx.call_create(), within)
        except OSError as error:
            self.close()
            reason = str(error) or f"no answer in {within:g} s"
            raise RetryLater(
                f"{self._where.end} cannot be opened: {reason}", self._down.extend(1.0, _LONGEST_DOWN)
            ) from error
        self._down, self._silent = _Rest(), 0
        # Whoever was silent may have been so because the line was dead.
        self._resting.clear()
        return client

    def _unanswered(self, unit: int, pause: float) -> RetryLater:
        """Let a unit rest; a line on which nobody answers is taken for half open, or unplugged, and opened again."""
        rest = self._resting.setdefault(unit, _Rest())
        rest.why = Disturbed if self._heard else RetryLater
        after = rest.extend(pause, _LONGEST_REST)
        self._silent += 1
        if self._silent >= _MOST_SILENT or not (self._client and self._client.connected):
            self._silent = 0
            self.close()
        return rest.why(f"unit {unit} did not answer in {pause:g} s{self._told()}", after)

    def _hear(self, sending: bool, data: bytes) -> bytes:
        if not sending:
            self._heard = data
        return data

    def _told(self) -> str:
        """What came instead, for whoever looks for the fault: noise, a short frame, another unit."""
        return f", the line said {self._heard[:16].hex(' ')}" if self._heard else ""


async def _result(work: Awaitable[T], within: float) -> T:
    """What `work` results in; TimeoutError after `within` seconds.

    In a task of its own: the wait_for inside pymodbus can swallow a cancellation that comes with the answer.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait((task,), timeout=within)
    finally:
        task.cancel()
    if not done:
        raise TimeoutError
    return task.result()


class _Rest:
    """How long somebody is left alone, twice as long each time, and `why`."""

    def __init__(self) -> None:
        self.why: type[RetryLater] = RetryLater
        self._pause = self._until = 0.0

    def left(self) -> float:
        """Seconds still to go."""
        return self._until - asyncio.get_running_loop().time()

    def extend(self, first: float, longest: float) -> float:
        """Begin the next rest; its seconds."""
        self._pause = min(max(self._pause * 2, first), longest)
        self._until = asyncio.get_running_loop().time() + self._pause
        return self._pause


class _Decoder(DecodePDU):
    """Knows what a Line asks for, and takes the rest for exception 0: pymodbus would raise in the event loop's face."""

    def lookupPduClass(self, data: bytes) -> type[ModbusPDU] | None:  # noqa: N802 - pymodbus' name
        return super().lookupPduClass(data) if data[1] & 0x7F in (3, 4) else None

    def decode(self, frame: bytes) -> ModbusPDU:
        return super().decode(frame) or ExceptionResponse(frame[0] & 0x7F)


def _client(where: Place, hear: Callable[[bool, bytes], bytes]) -> AsyncModbusSerialClient | AsyncModbusTcpClient:
    """A client that neither retries nor reconnects nor times out by itself: all three are the line's."""
    client: AsyncModbusSerialClient | AsyncModbusTcpClient
    if where.serial:
        client = AsyncModbusSerialClient(
            where.serial,
            baudrate=where.baud,
            parity=where.parity,
            stopbits=where.stop,
            reconnect_delay=0,
            retries=0,
            timeout=_NEVER,
            trace_packet=hear,
        )
    else:
        client = AsyncModbusTcpClient(
            where.host,
            port=where.port,
            framer=FramerType.RTU if where.rtu else FramerType.SOCKET,
            reconnect_delay=0,
            retries=0,
            timeout=_NEVER,
            trace_packet=hear,
        )
    client.ctx.framer.decoder = _Decoder(is_server=False)
    return client
