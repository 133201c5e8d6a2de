"""A publisher in a process of its own: an agent's messages, made before the clock starts, sent as fast as taken.

What is not yet on the platform's disk stays within a window, as an agent keeps it: a long queue at the broker, which is
saved every second, would measure the broker's disk.
"""

import random
import select
import socket
import time
from collections.abc import Iterator
from itertools import islice
from multiprocessing.connection import Connection
from typing import NamedTuple

from bus import messages, packets, senml
from bus.messages import Birth
from bus.packets import Parser
from bus.topics import Topic
from devices import kinds
from schema.instant import SECOND
from schema.reading import Reading
from schema.stream import Position
from schema.text import Text

SITE, BUILDING, KIND, EPOCH = "bench", "hall", "electricity_meter", "one"
POINTS = 10
"""Points of a device that packs of several readings tell."""
_CHUNK = 200
_UNCONFIRMED = 4_000
_PATIENCE = 15.0


class Load(NamedTuple):
    """What one publisher sends: messages of `per` readings, from instant `begin` on, at most `rate` a s (0: any).

    At most `window` of them wait for the platform's acknowledgement; with 0 nobody is waited for.
    """

    agent: str
    org: str
    port: int
    devices: int
    per: int
    messages: int
    seconds: float
    begin: int
    window: int = 10_000
    rate: float = 0.0


class Sent(NamedTuple):
    """What became of a load; `first` and `last` are instants of the machine's monotonic clock."""

    messages: int
    acknowledged: int
    first: float
    last: float
    cpu_s: float


def publish(load: Load, pipe: Connection) -> None:
    """Make the messages, announce the devices, wait for the word, send, wait for the acknowledgements, and tell."""
    publisher = _Publisher(load)
    # A steady load leaves time to make them on the way.
    made = _packets(load) if load.rate else iter(list(_packets(load)))
    if load.window:
        publisher.send(list(_births(load)))
        publisher.settle(load.devices)
    pipe.send("ready")
    pipe.recv()
    first, cpu = time.monotonic(), time.process_time()
    sent = publisher.stream(made)
    if load.window:
        publisher.settle(load.devices + sent)
    last = time.monotonic()
    pipe.send(Sent(sent, publisher.acknowledged - load.devices, first, last, time.process_time() - cpu))


def readings_of(load: Load, number: int, values: Iterator[float]) -> list[Reading]:
    """Message `number` of a load: the power, or every one of ten points at instants a second apart."""
    device, turn = _device(load, number), number // load.devices
    if load.per == 1:
        return [Reading(device, "power", load.begin + turn * SECOND, next(values), "kW")]
    points = kinds()[KIND].points[:POINTS]
    first = load.begin + turn * -(-load.per // POINTS) * SECOND
    return [
        Reading(device, point.name, first + at // POINTS * SECOND, next(values), point.unit)
        for at in range(load.per)
        for point in (points[at % POINTS],)
    ]


def _device(load: Load, number: int) -> str:
    return f"{load.agent}-{number % load.devices:04}"


def _packets(load: Load) -> Iterator[bytes]:
    source = random.Random(load.agent)  # noqa: S311 - made-up readings
    values = iter(lambda: round(source.random(), 4), None)
    for number in range(load.messages):
        topic = Topic(load.org, SITE, BUILDING, KIND, _device(load, number), "readings").path().encode()
        seq = load.devices + number + 1
        payload = senml.encode(SITE, readings_of(load, number, values), Position(load.agent, EPOCH, seq))
        yield packets.publish(4, topic, payload, 1 + seq % 65_535)


def _births(load: Load) -> Iterator[bytes]:
    for number in range(load.devices):
        topic = Topic(load.org, SITE, BUILDING, KIND, _device(load, number), "state").path().encode()
        position = Position(load.agent, EPOCH, number + 1)
        birth = Birth(title=Text(_device(load, number), _device(load, number)), interval=1.0, position=position)
        yield packets.publish(4, topic, messages.encode_state(birth), number + 1)


class _Publisher:
    """A plain socket to the broker; counts what the broker, and what the platform, has acknowledged."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._parser = Parser(4)
        self._sent = self._confirmed = self.acknowledged = 0
        self._socket = socket.create_connection(("127.0.0.1", load.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ack = Topic(load.org, SITE, "agents", "agent", load.agent, "ack").path()
        hello = packets.connect(4, load.agent, clean_start=True, keepalive=0, session_expiry=0, receive_maximum=1)
        self._socket.sendall(hello + packets.subscribe(4, 1, [ack], 0))

    def send(self, made: list[bytes]) -> None:
        """Send packets, no more at once than the broker confirms."""
        for start in range(0, len(made), _CHUNK):
            while self._sent - self._confirmed > _UNCONFIRMED:
                self._listen(1.0)
            chunk = made[start : start + _CHUNK]
            self._socket.sendall(b"".join(chunk))
            self._sent += len(chunk)
            self._listen(0.0)

    def stream(self, made: Iterator[bytes]) -> int:
        """Send within the window until the time is over; how many went out."""
        load, begin, done = self._load, time.monotonic(), 0
        while done < load.messages and (passed := time.monotonic() - begin) < load.seconds:
            free = load.window - (load.devices + done - self.acknowledged) if load.window else _CHUNK
            due = passed * load.rate - done if load.rate else _CHUNK
            if free < _CHUNK or due < 1:
                self._listen(0.002 if due < 1 else 0.05)
                continue
            chunk = list(islice(made, min(_CHUNK, int(due) + 1)))
            self.send(chunk)
            done += len(chunk)
        return done

    def settle(self, seq: int) -> None:
        """Wait until the platform has everything up to `seq`, as long as that makes any progress."""
        seen, since = self.acknowledged, time.monotonic()
        while self.acknowledged < seq and time.monotonic() - since < _PATIENCE:
            self._listen(0.1)
            if self.acknowledged > seen:
                seen, since = self.acknowledged, time.monotonic()

    def _listen(self, patience: float) -> None:
        while select.select([self._socket], [], [], patience)[0]:
            data = self._socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the broker has gone")
            parsed = self._parser.feed(data)
            self._confirmed += sum(head == packets.PUBACK for head, _ in parsed.packets)
            for payload in parsed.payloads:
                said = messages.decode_ack(payload)
                if said.epoch == EPOCH:
                    self.acknowledged = max(self.acknowledged, said.seq)
            patience = 0.0
