"""A byte line to a field bus, a serial device or a gateway that carries one over TCP: one question at a time.

dlt645+serial:///dev/ttyUSB0?baud=2400&parity=E&stop=1    dlt645+tcp://192.0.2.7:4001
"""

import asyncio
import fcntl
import logging
import os
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

from edge.health import Disturbed
from schema.errors import RetryLater

log = logging.getLogger(__name__)

T = TypeVar("T")

_OPENING = 5.0
_QUIET = 0.02
_SETTLING = 0.1
_LONGEST_NOISE = 1.0
_SHORTEST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
_LONGEST_REST = 60.0
_UNHEARD = 3
"""Questions in a row without a byte back, after which the line is opened anew: a gateway may have forgotten us."""

_PARITY = {"N": 0, "E": termios.PARENB, "O": termios.PARENB | termios.PARODD}
_SPEEDS = {
    baud: int(getattr(termios, f"B{baud}")) for baud in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
}


class Gateway(NamedTuple):
    """A TCP endpoint that passes bytes to a bus and back."""

    host: str
    port: int


class Serial(NamedTuple):
    """A tty and how its bytes are framed; what both DL/T 645 and CJ/T 188 meters speak unless told otherwise."""

    path: str
    baud: int = 2400
    parity: str = "E"
    stop: int = 1


def place(url: str) -> Gateway | Serial:
    """What a url, `<driver>+tcp:` or `<driver>+serial:`, names; ValueError that says what is wrong with it."""
    driver, _, rest = url.partition("+")
    forms = f"write {driver.partition(':')[0]}+tcp://host:port or {driver.partition(':')[0]}+serial:///dev/ttyUSB0?baud=2400&parity=E&stop=1"
    parts = urlsplit(rest)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}; {forms}") from error
    told = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme == "tcp" and parts.hostname and port and not parts.path and not told:
        return Gateway(parts.hostname, port)
    if parts.scheme != "serial" or parts.netloc or len(parts.path) < 2:
        raise ValueError(f"{url!r} is no line; {forms}")
    if unknown := sorted(told.keys() - {"baud", "parity", "stop"}):
        raise ValueError(f"{url!r}: unknown {', '.join(unknown)}; {forms}")
    baud, parity, stop = told.get("baud", "2400"), told.get("parity", "E"), told.get("stop", "1")
    if not baud.isdecimal() or int(baud) not in _SPEEDS:
        raise ValueError(f"{url!r}: baud {baud!r} is none of {', '.join(map(str, _SPEEDS))}")
    if parity not in _PARITY or stop not in {"1", "2"}:
        raise ValueError(f"{url!r}: parity is N, E or O, stop 1 or 2")
    return Serial(parts.path, int(baud), parity, int(stop))


class _Port(NamedTuple):
    reader: asyncio.StreamReader
    write: Callable[[bytes], object]
    close: Callable[[], None]


class _Rest:
    """How long somebody silent is left alone, not at all at first, then twice as long each time; and `why`."""

    def __init__(self) -> None:
        self.why: type[RetryLater] = RetryLater
        self._pause = self._next = self._until = 0.0

    def left(self) -> float:
        """Seconds still to go."""
        return self._until - asyncio.get_running_loop().time()

    def extend(self, first: float) -> float:
        """Begin the next rest; its seconds."""
        self._pause, self._next = self._next, min(max(self._next * 2, first), _LONGEST_REST)
        self._until = asyncio.get_running_loop().time() + self._pause
        return self._pause


class Line:
    """One bus, shared by all the devices on it; opened by the first question, and again after it was lost."""

    def __init__(self, where: Gateway | Serial) -> None:
        self._where = where
        self._name = where.path if isinstance(where, Serial) else f"{where.host}:{where.port}"
        self._turn = asyncio.Lock()
        self._port: _Port | None = None
        self._resting: dict[str, _Rest] = {}
        self._clean = True
        self._unheard = 0
        self._lost = False
        self._pause, self._again = _SHORTEST_PAUSE, 0.0

    async def ask(self, who: str, question: bytes, take: Callable[[bytes], T | None], within: float) -> T:
        """Send `question` and give `take` whatever comes until it finds the answer in it; errors of `take` pass.

        RetryLater after `within` seconds, after 0 s the first time; `who` goes on being silent is not asked for a
        while. RetryLater too when the line is away. What others left on the line is never seen.
        """
        self._rested(who)
        async with self._turn:
            self._rested(who)
            port = await self._ready()
            try:
                await self._settle(port)
                self._clean = False
                port.write(question)
                answer = await self._answer(port, who, take, within)
            except OSError as error:
                raise self._lose(error) from error
            self._clean = True
            self._resting.pop(who, None)
            return answer

    async def open(self) -> None:
        """Make sure that the line is open; RetryLater if it cannot be."""
        async with self._turn:
            await self._ready()

    def close(self) -> None:
        """Let go of the line; the next question opens it again."""
        if self._port is not None:
            self._port.close()
            self._port = None

    async def _answer(self, port: _Port, who: str, take: Callable[[bytes], T | None], within: float) -> T:
        chunk = b""
        try:
            async with asyncio.timeout(within) as patience:
                while (answer := take(chunk := await self._heard(port))) is None:
                    pass
                return answer
        except asyncio.CancelledError:
            self._unanswered(who, within, chunk)
            raise
        except TimeoutError as error:
            if patience.expired():
                raise self._unanswered(who, within, chunk) from error
            raise  # ETIMEDOUT is the line's own

    async def _heard(self, port: _Port) -> bytes:
        chunk = await port.reader.read(4096)
        if not chunk:
            raise ConnectionResetError("the other end closed it")
        if self._lost:
            log.info("line %s: back", self._name)
            # Whoever was silent may have been so because the line was.
            self._resting.clear()
        self._lost = False
        self._unheard = 0
        self._pause = _SHORTEST_PAUSE
        return chunk

    async def _settle(self, port: _Port) -> None:
        """Throw away late answers and noise until the line is quiet; noise without end is talked over."""
        quiet = _QUIET if self._clean else _SETTLING
        try:
            async with asyncio.timeout(_LONGEST_NOISE):
                while True:
                    try:
                        async with asyncio.timeout(quiet) as silence:
                            await self._heard(port)
                    except TimeoutError:
                        if silence.expired():
                            return
                        raise
        except TimeoutError as error:
            if error.errno is not None:
                raise

    def _rested(self, who: str) -> None:
        rest = self._resting.get(who)
        if rest and (left := rest.left()) > 0:
            raise rest.why(f"{who} did not answer and is asked again in {left:.0f} s", left)

    def _unanswered(self, who: str, within: float, heard: bytes = b"") -> RetryLater:
        self._unheard += 1
        if self._unheard >= _UNHEARD:
            self._unheard = 0
            self.close()
        rest = self._resting.setdefault(who, _Rest())
        rest.why = Disturbed if heard else RetryLater
        said = f", the line said {heard[-16:].hex(' ')}" if heard else ""
        return rest.why(f"{who} did not answer within {within:g} s{said}", rest.extend(within))

    def _lose(self, error: OSError) -> RetryLater:
        """Give the line up for a pause, longer each time until something is heard on it again."""
        self.close()
        if not self._lost:
            log.warning("line %s: lost: %s", self._name, error)
        self._lost = True
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        self._again = asyncio.get_running_loop().time() + pause
        return RetryLater(f"{self._name}: {error}", pause)

    async def _ready(self) -> _Port:
        if self._port is not None:
            return self._port
        left = self._again - asyncio.get_running_loop().time()
        if left > 0:
            raise RetryLater(f"{self._name}: away; the next try is in {left:.0f} s", left)
        try:
            async with asyncio.timeout(_OPENING):
                if isinstance(self._where, Gateway):
                    self._port = await _connect(self._where)
                else:
                    self._port = await _attach(self._where)
        except OSError as error:
            raise self._lose(error if str(error) else TimeoutError(f"not open within {_OPENING:g} s")) from error
        self._clean = isinstance(self._where, Serial)
        return self._port


_LINES: dict[Gateway | Serial, tuple[Line, int]] = {}
"""Lines in use and by how many: meters of several protocols may be on one, whose drivers do not know each other."""


@contextmanager
def shared() -> Iterator[Callable[[str], Line]]:
    """Gives the line of a url, the same to all that name it; the last who used it closes it at the end."""
    with ExitStack() as stack:
        mine: dict[Gateway | Serial, Line] = {}

        def line(url: str) -> Line:
            where = place(url)
            if where not in mine:
                found, users = _LINES.get(where) or (Line(where), 0)
                _LINES[where] = found, users + 1
                mine[where] = found
                stack.callback(_release, where)
            return mine[where]

        yield line


def _release(where: Gateway | Serial) -> None:
    line, users = _LINES.pop(where)
    if users > 1:
        _LINES[where] = line, users - 1
    else:
        line.close()


async def _connect(gateway: Gateway) -> _Port:
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    return _Port(reader, writer.write, writer.close)


async def _attach(serial: Serial) -> _Port:
    loop = asyncio.get_running_loop()
    fd = await asyncio.to_thread(os.open, serial.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    pipe = os.fdopen(fd, "rb", buffering=0)
    try:
        _set_up(fd, serial)
    except (OSError, termios.error) as error:
        pipe.close()
        raise OSError(f"cannot be set up as a serial line: {error}") from error
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return _Port(reader, lambda question: _send(fd, question), transport.close)


def _set_up(fd: int, serial: Serial) -> None:
    """Raw bytes at the told framing; a byte with wrong parity is read as zero, so that the checksum catches it."""
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # A pseudo terminal has no parity, and glibc takes being asked for it again for an error.
    parity = 0 if os.ttyname(fd).startswith("/dev/pts/") else _PARITY[serial.parity]
    control = termios.CS8 | termios.CREAD | termios.CLOCAL | parity
    if serial.stop == 2:
        control |= termios.CSTOPB
    special = termios.tcgetattr(fd)[6]
    special[termios.VMIN], special[termios.VTIME] = 1, 0
    checked = termios.INPCK if parity else 0
    speed = _SPEEDS[serial.baud]
    termios.tcsetattr(fd, termios.TCSANOW, [checked, 0, control, 0, speed, speed, special])
    termios.tcflush(fd, termios.TCIOFLUSH)


def _send(fd: int, question: bytes) -> None:
    if os.write(fd, question) != len(question):
        raise OSError("its output buffer is full")
