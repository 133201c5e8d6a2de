"""`dayuan bench ingest`: all runs, their limits and rivals, as one JSON object and as tables for people."""

import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dayuan.bench.influxd import find_influxd
from dayuan.bench.ingest.limits import delivered, taken
from dayuan.bench.ingest.rivals import find_node_red, node_red
from dayuan.bench.ingest.run import DEVICES, PUBLISHERS, Bench, measure
from schema.errors import Stop

Say = Callable[[str], None]
_LIMIT_SECONDS = 4.0


def report(
    stores: Sequence[str],
    readings: Sequence[int],
    processes: Sequence[int],
    seconds: float,
    server: str,
    rival: Path | None,
    say: Say,
) -> dict[str, Any]:
    """Every run asked for, each with the limits of its broker and store measured in the same run."""
    if "influxdb" in stores and not find_influxd():
        say("influxd is not installed, so InfluxDB is not measured: scripts/setup influxdb")
        stores = [store for store in stores if store != "influxdb"]
    if not stores:
        raise Stop("nothing to measure: `scripts/setup influxdb`, or take the embedded store")
    modules = find_node_red(rival) if "influxdb" in stores else None
    shared = {store: [count for count in processes if count == 1 or store != "duckdb"] for store in stores}
    steps = len(readings) * (1 + sum(1 + len(counts) for counts in shared.values()) + bool(modules))
    places = iter(range(1, steps + 1))

    def step(what: str) -> None:
        say(f"{next(places)} of {steps}: {what}")

    limits: dict[str, list[dict[str, Any]]] = {"broker": [], **{store: [] for store in stores}}
    runs, rivals = [], []
    for per in readings:
        step(f"the broker's own limit, {per} readings a message")
        limits["broker"].append(delivered(per, min(seconds, _LIMIT_SECONDS)))
        for store, counts in shared.items():
            step(f"the limit of {store}, {per} readings a message")
            limits[store] += taken(store, per, min(seconds, _LIMIT_SECONDS))
            for count in counts:
                step(f"{store}, {per} readings a message, {count} {'process' if count == 1 else 'processes'}")
                found = measure(Bench(store, per, seconds, count, server=server))
                runs.append(found | _ratios(found, limits))
        if modules:
            step(f"Node-RED, {per} readings a message")
            rivals.append(node_red(modules, per, seconds))
    if not rivals:
        say("no rival was measured: `scripts/setup rivals` installs Node-RED, and InfluxDB has to be measured too")
    return {"machine": machine(), "load": _load(), "runs": runs, "limits": limits, "rivals": rivals}


def soak(store: str, per: int, minutes: float, rate: float, say: Say) -> dict[str, Any]:
    """A steady load for so long, with the memory of ingest every ten seconds."""
    series: list[tuple[int, int]] = []

    def watch(seconds: float, megabytes: float) -> None:
        if int(seconds) % 10 == 0:
            series.append((round(seconds), round(megabytes)))
            say(f"{seconds:5.0f} s {megabytes:5.0f} MB")

    found = measure(Bench(store, per, minutes * 60, rate=rate), watch)
    return {"machine": machine(), "load": _load(), "runs": [found | {"rss_mb": series}], "limits": {}, "rivals": []}


def machine() -> dict[str, Any]:
    """What the figures stand on."""
    processor = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ""
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "load_average": os.getloadavg()[0],
    }


def _load() -> dict[str, Any]:
    return {"publishers": PUBLISHERS, "devices": PUBLISHERS * DEVICES, "qos": 1, "payload": "SenML JSON"}


def _ratios(run: dict[str, Any], limits: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    def best(limit: str) -> float:
        figures = [one for one in limits[limit] if one["readings_per_message"] == run["readings_per_message"]]
        return max(float(one["readings_per_s"]) for one in figures)

    return {
        "of_broker_limit": round(run["readings_per_s"] / best("broker"), 2),
        "of_store_limit": round(run["readings_per_s"] / best(run["store"]), 2),
    }


def show(found: dict[str, Any], console: Console) -> None:
    """The report as tables."""
    about = found["machine"]
    console.print(
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, load {about['load_average']:.1f}"
    )
    table = Table("store", "processes", "readings a message", *_FIGURES.values())
    for run in found["runs"]:
        cells = [_cell(run.get(name)) for name in _FIGURES]
        table.add_row(run["store"], str(run["processes"]), str(run["readings_per_message"]), *cells)
    console.print(table)
    for name, figures in found["limits"].items():
        for one in figures:
            about_it = f", {one['connections']} connections" if "connections" in one else ""
            console.print(
                f"limit {name}, {one['readings_per_message']} a message{about_it}: {one['readings_per_s']:,} readings/s"
            )
    for one in found["rivals"]:
        told = f"{one['rival']}, {one['readings_per_message']} a message: {one['messages_per_s']:,} messages/s"
        console.print(f"{told}, lost {one['lost']:,}")


_FIGURES = {
    "messages_per_s": "messages/s",
    "readings_per_s": "readings/s",
    "of_broker_limit": "of the broker",
    "of_store_limit": "of the store",
    "cpu_us_per_message": "CPU us a message",
    "cpu_s": "CPU s",
    "cpu_share": "cores",
    "peak_rss_mb": "MB",
    "lost": "lost",
    "duplicated": "twice",
}


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {figure:g}" for name, figure in value.items())
    return "" if value is None else f"{value:,}"
