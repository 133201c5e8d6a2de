"""The chaos run: parts of a platform die, alone and together, while a counted load runs; then all is reckoned up."""

import random
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain, combinations
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dayuan.bench.chaos.audit import reckon, settled
from dayuan.bench.chaos.house import COMPONENTS, House
from dayuan.bench.chaos.load import Load
from dayuan.bench.chaos.network import Network
from dayuan.broker import version
from schema.instant import DAY, HOUR, now

_DRAIN = 180.0
_SETTLE = 120.0


class Plan(NamedTuple):
    """How much, and how rough: pauses and outages are up to so many seconds."""

    kills: int = 50
    seed: int = 7
    agents: int = 2
    meters: int = 5
    rate: float = 20.0
    ingest: int = 1
    disks: int = 1
    pause: float = 3.0
    outage: float = 2.5
    mosquitto: Path | None = None


def strikes(kills: int, dice: random.Random) -> list[tuple[str, ...]]:
    """What dies together each time: first all at once, then every other combination once, then any."""
    every = list(chain.from_iterable(combinations(COMPONENTS, size) for size in range(1, len(COMPONENTS) + 1)))
    everything = every.pop()
    dice.shuffle(every)
    chosen = [everything, *every][:kills]
    return chosen + [dice.choice(every) for _ in range(kills - len(chosen))]


def run(plan: Plan, folder: Path, console: Console) -> dict[str, Any]:
    """One run in an empty folder: what was struck, and the reckoning."""
    began = time.monotonic()
    dice = random.Random(plan.seed)  # noqa: S311 - to be had again
    struck: Counter[str] = Counter()
    with Network() as network, House(folder, network, plan.ingest, plan.mosquitto, dice) as house:
        loads = _loads(plan, folder, house.broker)
        for load in loads:
            house.add(load)
        schedule = strikes(plan.kills, dice)
        replaced = _disturb(house, schedule, plan, dice, console)
        struck.update(chain.from_iterable(schedule))
        drained = house.finished(_DRAIN)
        quiet = _until(lambda: settled(house.registry), _SETTLE)
        house.stop()
        found = reckon(loads, house.store, house.registry, folder)
        return {
            "seed": plan.seed,
            "kills": len(schedule),
            "combinations": len(set(schedule)),
            "killed": {name: struck[name] for name in COMPONENTS},
            "brokers_wiped": house.wiped_brokers,
            "disks_replaced": replaced,
            "ingest": plan.ingest,
            "broker": version(house.mosquitto),
            **found._asdict(),
            "drained": drained,
            "settled": quiet,
            "seconds": round(time.monotonic() - began, 1),
        }


def sound(result: dict[str, Any]) -> bool:
    """Whether nothing was lost, doubled or changed, and the books are those of an undisturbed run."""
    faults = ("lost", "duplicated", "changed", "unproved", "parked", "books_differ")
    return result["drained"] and result["settled"] and not any(result[name] for name in faults)


def summary(result: dict[str, Any]) -> str:
    """A result for people."""
    killed = ", ".join(f"{name} {times}" for name, times in result["killed"].items())
    return """\
seed {seed}, {broker}, {ingest} ingest, {seconds} s
killed {kills} times in {combinations} combinations: {dead}
the broker's disk wiped {brokers_wiped} times, an agent's replaced {disks_replaced} times
recorded {messages:,} messages, {readings:,} readings, {events:,} events
lost {lost}, duplicated {duplicated}, changed {changed}, unproved {unproved}, parked {parked}
only on replaced disks: {gone} readings and events; the platform shows {ended} streams ended, {known_gone} messages gone
books: {books_differ} of {intervals:,} intervals differ from an undisturbed run's""".format(**result, dead=killed)


def _loads(plan: Plan, folder: Path, broker: str) -> list[Load]:
    begin = (now() - 60 * DAY) // HOUR * HOUR
    return [
        Load(f"agent{at}", plan.meters, plan.rate, begin, str(folder / f"agent{at}"), broker)
        for at in range(plan.agents)
    ]


def _disturb(house: House, schedule: list[tuple[str, ...]], plan: Plan, dice: random.Random, console: Console) -> int:
    """Strike, wait, mend, again; how many disks were replaced along the way."""
    disks = set(dice.sample(range(len(schedule)), min(plan.disks, len(schedule))))
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("starting", total=len(schedule))
        for number, strike in enumerate(schedule):
            _sleep(dice.uniform(0.2, 1) * plan.pause)
            bar.update(task, description=f"{' + '.join(strike):<40}")
            order = list(strike)
            dice.shuffle(order)
            mending = [(dice.uniform(0.1, 1) * plan.outage, house.hit(name)) for name in order]
            if dice.random() < 0.3:
                house.hit("analytics")()
            _mend(mending)
            if number in disks:
                house.replace_disk(f"agent{dice.randrange(plan.agents)}", number)
            bar.advance(task)
    return len(disks)


def _mend(mending: list[tuple[float, Callable[[], None]]]) -> None:
    """Bring back what was hit, each after its own time."""
    struck = time.monotonic()
    for after, back in sorted(mending, key=lambda one: one[0]):
        _sleep(after - (time.monotonic() - struck))
        back()


def _until(done: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _sleep(seconds: float) -> None:
    time.sleep(max(0.0, seconds))
