"""Lines of text as a driver: `DEVICE POINT VALUE` is a reading, `GATE in|out CREDENTIAL` somebody at its reader."""

import asyncio
import math
import os
import threading
from collections.abc import AsyncIterator, Mapping

from access.decision import TITLES, Direction
from devices import kinds
from edge.agent import Agent
from edge.driver import check_clock
from edge.gate import Gate, Verdict
from edge.settings import Device
from schema.errors import Reject
from schema.instant import Clock
from schema.reading import Reading

_LONGEST = 1000


class Lines:
    """Takes lines about announced devices, and about gates by the id of their device."""

    def __init__(self, agent: Agent, devices: Mapping[str, Device], gates: Mapping[str, Gate], clock: Clock) -> None:
        self._agent = agent
        self._devices = devices
        self._gates = gates
        self._clock = clock

    async def take(self, line: str) -> str | None:
        """Act on a line; the gate's answer, None to a reading. Reject where it is not understood."""
        words = line.split(maxsplit=2)
        if len(words) != 3:
            raise Reject("bad_line", "three words are wanted: DEVICE POINT VALUE, or GATE in|out CREDENTIAL")
        name, what, value = words
        if gate := self._gates.get(name):
            return f"{name} {what}: {_told(await gate.show(value, _direction(what), _walk))}"
        self._agent.record([self._reading(name, what, value)])
        return None

    def _reading(self, name: str, what: str, text: str) -> Reading:
        device = self._devices.get(name)
        if device is None:
            known = ", ".join((*self._devices, *self._gates)) or "none"
            raise Reject("bad_line", f"no device {name!r}; configured are: {known}")
        kind = kinds()[device.kind]
        point = kind.point(what)
        if point is None:
            raise Reject(
                "bad_line", f"{kind.name} has no point {what!r}; it has {', '.join(p.name for p in kind.points)}"
            )
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise Reject("bad_line", f"{text!r} is no number; {what} is in {point.unit}")
        now = self._clock()
        check_clock(now)
        return Reading(name, what, now, value, point.unit)


async def stdin() -> AsyncIterator[str]:
    """The lines of standard input, whatever it is; none is longer than 1000 bytes."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST)

    def feed() -> None:
        # Not sys.stdin: a thread that waits in its buffer makes the interpreter's end fail.
        while block := os.read(0, _LONGEST):
            loop.call_soon_threadsafe(reader.feed_data, block)
        loop.call_soon_threadsafe(reader.feed_eof)

    threading.Thread(target=feed, name="stdin", daemon=True).start()
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            continue
        if not line:
            return
        if text := line.decode(errors="replace").strip():
            yield text


def _direction(word: str) -> Direction:
    match word:
        case "in" | "out":
            return word
    raise Reject("bad_line", f"a credential is shown to go in or out, not {word!r}")


async def _walk() -> bool:
    """Nothing here sees whether somebody went through; who may is taken to."""
    return True


def _told(verdict: Verdict) -> str:
    title = next((title for reason, title in TITLES.items() if reason == verdict.reason), None)
    why = verdict.reason if title is None else f"{title.zh} {title.en}"
    return (
        f"{'opened' if verdict.granted else 'refused'}, {why} ({verdict.reason}, decided by the {verdict.decided_by})"
    )
