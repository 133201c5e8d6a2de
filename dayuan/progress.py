"""The progress bar of readings being published, and what it has counted."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from schema.instant import to_datetime


class Show:
    """Readings between two instants, as the person who waits for them sees it."""

    def __init__(self, console: Console, begin: int, end: int) -> None:
        self.readings = 0
        self.pending = 0
        self.reached = begin
        self._console = console
        self._begin = begin
        self._total = max(1, end - begin)
        self._started = time.monotonic()
        self._waiting = False
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]:>9,.0f} readings/s"),
            TextColumn("{task.fields[stamp]}"),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self.progress.add_task("publishing", total=self._total, rate=0, stamp=stamp(begin))

    @property
    def seconds(self) -> float:
        """Since it began."""
        return max(1e-3, time.monotonic() - self._started)

    def at(self, instant: int, readings: int = 0) -> None:
        """That instant is recorded, with so many more readings."""
        self.reached = instant
        self.readings += readings
        rate = self.readings / self.seconds
        self.progress.update(
            self._task, description="publishing", completed=instant - self._begin, rate=rate, stamp=stamp(instant)
        )

    def done(self, text: str) -> None:
        """All of it is done."""
        self.progress.update(self._task, description=text, completed=self._total)

    def waits(self, pending: int) -> None:
        """So many messages wait for the platform."""
        self.pending = pending
        text = f"waiting for the platform's acknowledgement, {pending} messages left"
        self.progress.update(self._task, description=text)
        if not self._waiting and not self._console.is_terminal:
            self._console.print(text)
        self._waiting = True


def stamp(instant: int) -> str:
    """An instant as a person reads it, in UTC."""
    return to_datetime(instant).strftime("%Y-%m-%d %H:%MZ")
