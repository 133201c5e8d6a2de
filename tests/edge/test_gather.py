"""Readings that come at the same moment cost the disk one write, and are as safe as one by one."""

import asyncio
import os
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.outbox import Outbox
from edge.settings import AgentSettings, Device
from schema.errors import Reject, RetryLater
from schema.instant import SECOND, now
from schema.reading import Reading
from schema.text import Text

pytestmark = pytest.mark.anyio
METERS = [
    Device(id=f"m-{at}", kind="electricity_meter", building="a", title=Text(f"电表{at}", f"Meter {at}"))
    for at in range(50)
]
ROWS = [[Reading(meter.id, "energy", 1_700_000_000 * SECOND, 1.0, "kWh")] for meter in METERS]


def agent(folder: Path) -> Agent:
    return Agent(
        AgentSettings(id="a-1", site="demo", broker="mqtt://127.0.0.1:1", outbox=folder / "o.db"), now, os.urandom
    )


async def test_fifty_meters_read_together_are_one_write(tmp_path: Path) -> None:
    writes: list[str] = []
    async with agent(tmp_path) as edge:
        edge.born(*METERS)
        edge._outbox._db.set_trace_callback(lambda words: writes.append(words) if words == "COMMIT" else None)
        await asyncio.gather(*(edge.gather(rows) for rows in ROWS))
        assert edge.progress.pending == 100
        assert len(writes) == 1
        await edge.gather(ROWS[0])
        assert (edge.progress.pending, len(writes)) == (101, 2)


async def test_what_was_gathered_is_on_disk_when_the_agent_has_ended(tmp_path: Path) -> None:
    async with agent(tmp_path) as edge:
        edge.born(METERS[0])
        gathering = asyncio.create_task(edge.gather(ROWS[0]))
        await asyncio.sleep(0)
    await gathering
    box = Outbox(tmp_path / "o.db", "a-1", now, os.urandom)
    assert box.pending == 2
    box.close()


async def test_a_full_disk_is_told_to_each_and_an_unknown_device_to_its_own_alone(tmp_path: Path) -> None:
    async with agent(tmp_path) as edge:
        edge.born(METERS[0], METERS[1])
        pages = edge._outbox._db.execute("PRAGMA page_count").fetchone()[0]
        edge._outbox._db.execute(f"PRAGMA max_page_count={pages}")
        large = [ROWS[0][0]._replace(point="energy" * 1000)] * 100
        told = await asyncio.gather(
            edge.gather(large), edge.gather(ROWS[1]), edge.gather(ROWS[2]), return_exceptions=True
        )
        assert [type(each) for each in told] == [RetryLater, RetryLater, Reject]
        edge._outbox._db.execute("PRAGMA max_page_count=1000000")
        await edge.gather(ROWS[1])
        assert edge.progress.pending == 3
