"""What ingest does when the clock of its own machine is wrong."""

from pathlib import Path

import pytest

from bus import messages, senml
from bus.messages import Birth
from bus.topics import Topic
from dayuan.services import check_clock
from ingest.pipeline import Pipeline
from schema.errors import RetryLater
from schema.instant import DAY, EARLIEST, HOUR
from schema.reading import Reading
from schema.text import Text
from store.registry.base import Registry
from store.registry.migrate import tables
from store.series.duckdb import DuckStore

NOW = 1_790_000_000_000_000
METER = Topic("dayuan", "demo", "hall", "electricity_meter", "m1", "readings")


def test_while_it_was_never_set_nothing_is_taken_from_the_broker() -> None:
    """By it every reading would be parked as one of the future, and acknowledged."""
    for instant in (0, EARLIEST - 1):
        with pytest.raises(RetryLater, match="set it"):
            check_clock(lambda at=instant: at)  # type: ignore[misc]
    check_clock(lambda: EARLIEST)


def test_set_back_it_keeps_no_device_of_another_process_unknown(tmp_path: Path) -> None:
    clock = [NOW]
    registry = Registry(f"sqlite:///{tmp_path / 'registry.db'}")
    tables().metadata.create_all(registry.engine)
    store = DuckStore(tmp_path / "readings.duckdb")
    try:
        mine, others = (Pipeline(store, registry, lambda: clock[0]) for _ in range(2))
        pack = senml.encode("demo", [Reading("m1", "energy", NOW - 2 * DAY, 1.0, "kWh")])
        mine.process([METER.path()], [pack])
        clock[0] -= DAY
        birth = messages.encode_state(Birth(title=Text("总表", "Main"), interval=60.0))
        others.process([METER._replace(channel="state").path()], [birth])
        clock[0] += HOUR
        mine.process([METER.path()], [pack])
        assert len(store.series()) == 1
    finally:
        store.close()
        registry.close()
