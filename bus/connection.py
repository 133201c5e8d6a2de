"""One socket to a broker, from CONNECT to its end."""

import asyncio
from collections.abc import Callable
from typing import cast

from bus import packets
from bus.packets import Connack, Parsed, Parser, ProtocolError

_REST = 0.003
_BURST = 8


class Connection(asyncio.Protocol):
    """Speaks MQTT to one broker; hands what arrives to `on_parsed` and room to write to `on_writable`.

    `connack` ends with the broker's answer, `lost` with the reason why the connection is no more, `code` is the
    reason code of the broker's DISCONNECT.
    Pings every half `keepalive`; a peer that is silent for a whole one is given up.
    """

    def __init__(
        self, version: int, on_parsed: Callable[["Connection", Parsed], None], on_writable: Callable[[], None]
    ) -> None:
        self.version = version
        self.code = 0
        self.writable = True
        self._on_parsed = on_parsed
        self._on_writable = on_writable
        self._loop = asyncio.get_running_loop()
        self.connack: asyncio.Future[Connack] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._parser = Parser(version)
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._reading = True
        self._full = False
        self._resting = False
        self._burst_begin = 0.0
        self._burst_reads = 0
        self._heard = True
        self._ping: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=1 << 20)

    def data_received(self, data: bytes) -> None:
        """Parse; a peer that does not speak MQTT loses the connection."""
        self._heard = True
        try:
            parsed = self._parser.feed(data)
            for head, body in parsed.packets:
                self._answer(head, body)
            self._on_parsed(self, parsed)
        except ProtocolError as error:
            self.abort(str(error))
            return
        self._gather(len(parsed.ids) + len(parsed.packets))

    def _gather(self, packets_read: int) -> None:
        """Under load let the kernel gather some milliseconds' packets: brokers write one or two at a time."""
        now = self._loop.time()
        if now - self._burst_begin > _REST:
            busy = packets_read >= _BURST
            self._burst_begin, self._burst_reads = now, 1
        else:
            self._burst_reads += 1
            busy = self._burst_reads >= _BURST
        if busy and not self._resting:
            self._resting = True
            self._loop.call_later(_REST, self._rested)
            self._set_reading()

    def _rested(self) -> None:
        self._resting = False
        self._set_reading()

    def _answer(self, head: int, body: bytes) -> None:
        kind = head & 0xF0
        if kind == packets.CONNACK and not self.connack.done():
            self.connack.set_result(packets.parse_connack(body))
        elif kind == packets.DISCONNECT:
            self.code = packets.parse_disconnect(body)
            self.abort(f"the broker ended it with code 0x{self.code:02x}")
        elif kind not in {packets.PUBACK, packets.SUBACK, packets.UNSUBACK, packets.PINGRESP}:
            raise ProtocolError(f"unexpected packet 0x{head:02x}")

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever wanted it."""
        self.abort(str(exc) if exc else "closed by the broker")

    def pause_writing(self) -> None:
        """The socket is full."""
        self.writable = False

    def resume_writing(self) -> None:
        """The socket has room again."""
        self.writable = True
        self._on_writable()

    def send(self, data: bytes) -> None:
        """Write at the end of this turn of the loop, together with all else of this turn."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
        self._out.clear()

    def keep_alive(self, keepalive: float) -> None:
        """Begin to ping; 0 s never does."""
        if keepalive:
            self._ping = self._loop.call_later(keepalive / 2, self._tick, keepalive, 0)

    def _tick(self, keepalive: float, silent: int) -> None:
        # While we do not read, silence is our own doing.
        silent = 0 if self._heard or self._full else silent + 1
        if silent == 2:
            self.abort(f"nothing heard for {keepalive:g} s")
            return
        self._heard = False
        self.send(packets.PINGREQ_PACKET)
        self._ping = self._loop.call_later(keepalive / 2, self._tick, keepalive, silent)

    def read(self, *, on: bool) -> None:
        """Read the socket, or leave what comes to the kernel and so to the broker."""
        self._full = not on
        self._set_reading()

    def _set_reading(self) -> None:
        on = not (self._full or self._resting)
        if on != self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = on
            (self._transport.resume_reading if on else self._transport.pause_reading)()

    def close(self) -> None:
        """End in good order: all that was sent goes out first; the broker does not speak our will."""
        self.send(packets.DISCONNECT_PACKET)
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """End at once; the first reason given is the one that counts."""
        if self._ping is not None:
            self._ping.cancel()
        if not self.lost.done():
            self.lost.set_result(reason)
        if not self.connack.done():
            self.connack.set_exception(ConnectionError(reason))
            self.connack.exception()
        if self._transport is not None:
            self._transport.abort()
