"""The ear of the agent: what a device says by itself goes to the outbox, and then its mark is moved."""

from collections.abc import Sequence
from typing import Protocol

from edge.driver import check_clock
from edge.health import Health
from edge.marks import Marks
from schema.event import Event
from schema.instant import Clock
from schema.reading import Reading


class Recorder(Protocol):
    """Who keeps what devices say; on disk when its calls return."""

    def record(self, readings: Sequence[Reading]) -> None:
        """Take readings."""
        ...

    def record_event(self, device: str, *events: Event) -> None:
        """Take events of a device."""
        ...


class Heard:
    """An Ear for one device; `name` is that of its mark."""

    def __init__(self, recorder: Recorder, device: str, marks: Marks, name: str, health: Health, clock: Clock) -> None:
        self._recorder = recorder
        self._device = device
        self._marks = marks
        self._name = name
        self._health = health
        self._clock = clock

    @property
    def mark(self) -> str:
        """The mark that was last taken; empty at first."""
        return self._marks.get(self._name)

    def take(self, said: Sequence[Reading | Event], mark: str | None = None) -> None:
        """Keep what was said, then the mark: what is heard again after a crash changes nothing on the platform."""
        check_clock(self._clock())
        self._recorder.record([each for each in said if isinstance(each, Reading)])
        self._recorder.record_event(self._device, *(each for each in said if not isinstance(each, Reading)))
        if mark is not None:
            self._marks.set(self._name, mark)

    def well(self) -> None:
        """The device can be heard."""
        self._health.well()

    def failed(self, error: Exception) -> None:
        """What the device said is no reading."""
        self._health.failed(error)
