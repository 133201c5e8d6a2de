"""Starts real peers of a byte line: the meters of bus_meter.py on a pseudo terminal, and socat as gateway to them."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dayuan.child import bound
from tests.servers import program


class Bus:
    """The bus of bus_meter.py behind a path that stays the same when it dies and comes back."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def tail(self) -> str:
        """The url of its tty behind `dlt645+` or `cjt188+`."""
        return f"serial://{self.link}?baud=9600"

    def start(self) -> None:
        """Bring the bus (back) up."""
        program = Path(__file__).with_name("bus_meter.py")
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(program), str(self.link)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read("ready")

    def tell(self, name: str, value: str = "") -> None:
        """Give the meters an order and wait until they have it."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"set {name} {value}\n")
        self._process.stdin.flush()
        self._read("ok")

    def die(self) -> None:
        """Unplug the bus."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _read(self, wanted: str) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == wanted


@contextmanager
def bus(folder: Path) -> Iterator[Bus]:
    """A bus for the length of a block."""
    running = Bus(folder / "bus")
    try:
        yield running
    finally:
        running.die()


@contextmanager
def gateway(link: Path, port: int) -> Iterator[None]:
    """socat carries the tty at `link` over TCP."""
    process = subprocess.Popen(
        bound(
            program("socat", "socat"),
            f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork",
            f"OPEN:{link},raw,echo=0",
        ),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _listening(port)
        yield
    finally:
        process.kill()
        process.wait()


def _listening(port: int) -> None:
    # Looked up and not tried out: a connection would make socat open the tty.
    wanted = f"0100007F:{port:04X}"
    for _ in range(3000):
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()]
        if any(row[1] == wanted and row[3] == "0A" for row in rows):
            return
        time.sleep(0.01)
    raise AssertionError(f"nothing listens on {port}")
