"""The limits ingest is held against, measured in the same run: what its broker delivers, what its store takes."""

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bus import messages, topics
from bus.client import Client, Link
from bus.topics import subscription
from dayuan.bench.influxd import influxd
from dayuan.bench.ingest.publisher import BUILDING, EPOCH, KIND, POINTS, SITE
from dayuan.bench.ingest.run import DEVICES, PUBLISHERS, broker, drive, loads
from dayuan.bench.ingest.shares import Shares
from devices import kinds
from schema.batch import Batch
from schema.instant import DAY, SECOND, now
from schema.series import SeriesKey
from schema.stream import Acknowledged
from store.series import open_store
from store.series.influx_http import Http
from store.series.influx_lines import Vocabulary
from store.series.influx_settings import CONNECTIONS, InfluxSettings

_BATCH = {"duckdb": 20_000, "influxdb": 50_000}
"""Rows of a prebuilt batch; InfluxDB takes the largest requests that ingest makes best."""
_MADE_PER_S = 2_000_000


def delivered(per: int, seconds: float) -> dict[str, Any]:
    """What the broker delivers to a subscriber that only acknowledges, from the same publishers."""
    context = get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="dayuan-bench-") as name, broker(Path(name)) as mosquitto:
        made = loads(mosquitto.port, per, seconds)
        ours, theirs = context.Pipe()
        process = context.Process(target=_subscribe, args=(mosquitto.port, made[0].org, theirs), daemon=True)
        process.start()
        ours.recv()
        counts: list[Shares] = []

        def started() -> None:
            ours.send("mark")
            counts.append(Shares({"subscriber": [process.pid or 0], "broker": [mosquitto.pid]}))

        sent = drive(made, started)
        shares = counts[0].cores(publishers=sum(part.cpu_s for part in sent))
        ours.send("end")
        cpu = ours.recv()
        process.join()
    messages_ = sum(part.messages for part in sent)
    spent = max(part.last for part in sent) - min(part.first for part in sent)
    return {
        "readings_per_message": per,
        "messages_per_s": round(messages_ / spent),
        "readings_per_s": round(messages_ * per / spent),
        "messages_per_cpu_s": round(messages_ / cpu),
        "cpu_share": shares,
    }


def _subscribe(port: int, org: str, pipe: Connection) -> None:
    asyncio.run(_acknowledge(port, org, pipe))


async def _acknowledge(port: int, org: str, pipe: Connection) -> None:
    """Acknowledge whatever comes, to the broker and to the agents, until told to end; CPU seconds since the mark."""
    link = Link(url=f"mqtt://127.0.0.1:{port}", client_id="limit", session_expiry=600)
    loop = asyncio.get_running_loop()
    async with Client(link) as client:
        await client.subscribe([subscription(org, "readings"), subscription(org, "state")])
        work = loop.create_task(_serve(client, org))
        pipe.send("ready")
        await loop.run_in_executor(None, pipe.recv)
        begin = time.process_time()
        await loop.run_in_executor(None, pipe.recv)
        pipe.send(time.process_time() - begin)
        work.cancel()
        await asyncio.wait([work])


async def _serve(client: Client, org: str) -> None:
    seen: Counter[str] = Counter()
    while True:
        inbox = await client.receive()
        client.acknowledge(inbox)
        news: Counter[str] = Counter()
        for path, number in Counter(inbox.topics).items():
            news[topics.parse(path).device.partition("-")[0]] += number
        seen += news
        for agent in news:
            ack = topics.Topic(org, SITE, "agents", "agent", agent, "ack").path()
            await client.publish(ack, messages.encode_ack(Acknowledged(EPOCH, seen[agent])), qos=0)


def taken(store: str, per: int, seconds: float) -> list[dict[str, Any]]:
    """What a store takes from prebuilt batches, over one connection and, where it takes them, over several."""
    return [_taken_by_duckdb(per, seconds)] if store == "duckdb" else _taken_by_influxdb(per, seconds)


def _taken_by_duckdb(per: int, seconds: float) -> dict[str, Any]:
    size = _BATCH["duckdb"]
    with tempfile.TemporaryDirectory(prefix="dayuan-bench-") as name:
        store = open_store(f"duckdb:///{name}/readings.duckdb")
        rows, spent = _until(seconds, store.write, list(_batches(per, seconds, size)), 1)
        store.close()
    return {"readings_per_message": per, "batch": size, "connections": 1, "readings_per_s": round(rows / spent)}


def _taken_by_influxdb(per: int, seconds: float) -> list[dict[str, Any]]:
    bodies = [_Body(batch) for batch in _batches(per, seconds, _BATCH["influxdb"])]
    return [_posted(bodies, seconds, connections) | {"readings_per_message": per} for connections in (1, CONNECTIONS)]


def _posted(bodies: list["_Body"], seconds: float, connections: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dayuan-bench-") as name, influxd(Path(name)) as server:
        http = Http(InfluxSettings.of(server.url))
        http.query("CREATE DATABASE bench")
        counts = Shares({"client": [os.getpid()], "store": [server.process.pid]})
        rows, spent = _until(seconds, lambda body: http.write(body.text), bodies, connections)
        shares = counts.cores()
        http.close()
    rate = round(rows / spent)
    return {"batch": _BATCH["influxdb"], "connections": connections, "readings_per_s": rate, "cpu_share": shares}


class _Body:
    """A prebuilt request of so many readings."""

    def __init__(self, batch: Batch) -> None:
        wording = Vocabulary().wording(batch.keys)
        rows = wording.in_order(batch, np.arange(len(batch)))
        self.text, _ = wording.lines(batch.take(rows), np.zeros(len(rows), np.bool_))
        self._rows = len(rows)

    def __len__(self) -> int:
        return self._rows


_T = TypeVar("_T", bound=Sized)


def _until(seconds: float, write: Callable[[_T], object], made: list[_T], threads: int) -> tuple[int, float]:
    """(readings, seconds) of writing all that was made, or what fits into the time, in so many threads."""
    begin = time.perf_counter()

    def some(first: int) -> int:
        rows = 0
        for part in made[first::threads]:
            if time.perf_counter() - begin > seconds:
                break
            write(part)
            rows += len(part)
        return rows

    with ThreadPoolExecutor(threads) as pool:
        rows = sum(pool.map(some, range(threads)))
    return rows, time.perf_counter() - begin


def _batches(per: int, seconds: float, size: int) -> Iterator[Batch]:
    """Batches as ingest would write them: the next instant of every point of every device, again and again."""
    points = ["power"] if per == 1 else [point.name for point in kinds()[KIND].points[:POINTS]]
    devices = [f"agent{at % PUBLISHERS}-{at:04}" for at in range(PUBLISHERS * DEVICES)]
    keys = [SeriesKey(SITE, BUILDING, KIND, device, point) for device in devices for point in points]
    random = np.random.default_rng(1)
    begin = now() - 30 * DAY
    for first in range(0, int(_MADE_PER_S * seconds), size):
        place = np.arange(first, first + size)
        value = np.round(random.random(size), 4)
        yield Batch.of(keys, place % len(keys), begin + place // len(keys) * SECOND, value)
