"""The hub: newest value per series, bounded for slow subscribers, safe from any thread."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any

from api.live import KEPT_NOTICES, Hub
from schema.batch import Batch
from schema.series import SeriesKey

POWER = SeriesKey("demo", "b1", "electricity_meter", "m1", "power")
ENERGY = POWER._replace(point="energy")
ELSEWHERE = POWER._replace(site="other")


def batch(*rows: tuple[SeriesKey, int, float]) -> Batch:
    keys = list(dict.fromkeys(key for key, _, _ in rows))
    return Batch.of(keys, [keys.index(key) for key, _, _ in rows], [t for _, t, _ in rows], [v for _, _, v in rows])


async def listen(
    hub: Hub, site: str | None = None
) -> tuple[AsyncGenerator[list[dict[str, Any]], None], asyncio.Task[Any]]:
    """A subscription that already stands, and its first list to come."""
    news = hub.subscribe(site)
    before = hub.clients
    first = asyncio.create_task(anext(news))
    await asyncio.sleep(0)
    assert hub.clients == before + 1
    return news, first


def test_newest_value_of_each_series_in_one_list() -> None:
    """Several readings of a series in one batch are one row: the newest, whatever their order."""

    async def scene() -> list[dict[str, Any]]:
        hub = Hub(flush=0.01)
        news, first = await listen(hub)
        hub.offer(batch((POWER, 2, 20.0), (ENERGY, 1, 5.0), (POWER, 3, 30.0), (POWER, 1, 10.0)))
        rows: list[dict[str, Any]] = await first
        await news.aclose()
        assert hub.clients == 0
        return rows

    rows = asyncio.run(scene())
    assert {(row["point"], row["time"], row["value"]) for row in rows} == {("power", 3, 30.0), ("energy", 1, 5.0)}


def test_late_reading_is_no_news() -> None:
    """A reading older than the known one, or the same once more, wakes nobody."""

    async def scene() -> list[dict[str, Any]]:
        hub = Hub(flush=0.01)
        hub.offer(batch((POWER, 10, 1.0)))
        news, first = await listen(hub)
        hub.offer(batch((POWER, 9, 7.0)))
        hub.offer(batch((POWER, 10, 1.0)))
        hub.offer(batch((POWER, 11, 2.0)))
        rows: list[dict[str, Any]] = await first
        await news.aclose()
        return rows

    assert [(row["time"], row["value"]) for row in asyncio.run(scene())] == [(11, 2.0)]


def test_only_the_site_asked_for() -> None:
    async def scene() -> list[dict[str, Any]]:
        hub = Hub(flush=0.01)
        news, first = await listen(hub, "demo")
        hub.announce("alarm", {"site": "other", "id": 1})
        hub.offer(batch((ELSEWHERE, 1, 1.0)))
        hub.announce("alarm", {"site": "demo", "id": 2})
        rows: list[dict[str, Any]] = await first
        await news.aclose()
        return rows

    assert asyncio.run(scene()) == [{"kind": "alarm", "site": "demo", "id": 2}]


def test_slow_subscriber_skips_ahead_and_is_told() -> None:
    """Who does not read gets the newest values once, and learns that notices are missing; memory stays bounded."""

    async def scene() -> tuple[list[dict[str, Any]], int]:
        hub = Hub(flush=0.01)
        news, first = await listen(hub)
        hub.offer(batch((POWER, 1, 1.0)))
        await first
        for number in range(KEPT_NOTICES + 500):
            hub.offer(batch((POWER, 2 + number, float(number))))
            hub.announce("alarm", {"id": number})
        rows = await anext(news)
        await news.aclose()
        return rows, len(hub._notices)

    rows, kept = asyncio.run(scene())
    assert rows[0] == {"kind": "lagged"}
    assert [row["value"] for row in rows if row["kind"] == "latest"] == [KEPT_NOTICES + 499.0]
    assert sum(row["kind"] == "alarm" for row in rows) == kept == KEPT_NOTICES


def test_offers_from_other_threads_all_arrive() -> None:
    """Two threads write while one loop reads: the newest value of every series comes through."""
    keys = [POWER._replace(device=f"m{number}") for number in range(50)]

    async def scene() -> dict[str, float]:
        hub = Hub(flush=0.001)
        news, first = await listen(hub)
        seen: dict[str, float] = {}

        def write(mine: list[SeriesKey]) -> None:
            for time in range(200):
                hub.offer(batch(*((key, time, float(time)) for key in mine)))

        writers = [threading.Thread(target=write, args=(part,)) for part in (keys[:25], keys[25:])]
        for writer in writers:
            writer.start()
        rows = await first
        while True:
            seen |= {row["device"]: row["value"] for row in rows}
            if len(seen) == 50 and set(seen.values()) == {199.0}:
                break
            rows = await asyncio.wait_for(anext(news), 60)
        await news.aclose()
        return seen

    assert len(asyncio.run(scene())) == 50


def test_close_ends_subscriptions() -> None:
    async def scene() -> None:
        hub = Hub()
        _, first = await listen(hub)
        hub.close()
        try:
            await asyncio.wait_for(first, 60)
        except StopAsyncIteration:
            return
        raise AssertionError("the subscription went on")

    asyncio.run(scene())
