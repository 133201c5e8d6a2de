"""The reckoning of the chaos run: what was recorded against what the platform has, and against undisturbed books."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from analytics.books.consumption import consumption
from analytics.service import Analytics
from bus import messages, senml
from bus.topics import Topic
from dayuan import services
from dayuan.bench.chaos.load import SITE, Load
from dayuan.parts import opened
from dayuan.settings import Settings
from edge.outbox import Outbox
from ingest.pipeline import Pipeline
from schema.instant import DAY, now
from schema.series import SeriesKey
from schema.spans import count
from store.registry.base import Registry
from store.registry.deadletters import DeadLetter
from store.registry.events import EventRow
from store.registry.streams import streams
from store.registry.worklist import Unsettled
from store.series import open_store
from store.series.port import SeriesStore

_ORG = "dayuan"
_ZONE = ZoneInfo("Asia/Shanghai")
_MOMENTS = 200
_FOREVER = 400 * DAY

Row = tuple[str, str, int]
"""Device, point (or `event`), time."""


class Reckoning(NamedTuple):
    """Lost and duplicated are readings and events; `gone` were only on a disk that was replaced.

    `unproved` are messages that the platform does not have by its own numbers although their agent does not wait;
    `known_gone` is the least that it knows to be gone with the streams that `ended` because their disk is no more.
    """

    messages: int
    readings: int
    events: int
    lost: int
    duplicated: int
    changed: int
    gone: int
    ended: int
    known_gone: int
    unproved: int
    parked: int
    intervals: int
    books_differ: int


def reckon(loads: Sequence[Load], store_url: str, registry_url: str, folder: Path) -> Reckoning:
    """Compare everything; the agents have ended and analytics has nothing left to do."""
    truth = {row: value for load in loads for row, value in _truth(load).items()}
    registry = Registry(registry_url)
    store = open_store(store_url)
    try:
        found, extra = _stored(store, registry, loads)
        with registry.reading() as session:
            parked = session.scalar(select(func.count()).select_from(DeadLetter)) or 0
        boxes = [_box(load) for load in loads]
        unproved, ended, known_gone = _proof(registry, boxes)
        on_old_disks = {row for load in loads for row in _on_replaced_disks(load)}
        missing = truth.keys() - found.keys()
        gone = missing & on_old_disks
        devices = [f"{load.name}-m{at}" for load in loads for at in range(load.meters)]
        real = _intervals(store, devices)
        clean = _undisturbed(loads, gone, folder, devices)
        return Reckoning(
            messages=sum(box.last for box in boxes),
            readings=sum(point != "event" for _, point, _ in truth),
            events=sum(point == "event" for _, point, _ in truth),
            lost=len(missing - gone),
            duplicated=extra + len(found.keys() - truth.keys()),
            changed=sum(found[row] != truth[row] for row in truth.keys() & found.keys()),
            gone=len(gone),
            ended=ended,
            known_gone=known_gone,
            unproved=unproved,
            parked=parked,
            intervals=len(clean),
            books_differ=len(real.items() ^ clean.items()),
        )
    finally:
        store.close()
        registry.close()


def settled(registry_url: str) -> bool:
    """Whether analytics has nothing left to do."""
    registry = Registry(registry_url)
    try:
        with registry.reading() as session:
            return not session.scalar(select(func.count()).select_from(Unsettled))
    finally:
        registry.close()


class _Box(NamedTuple):
    agent: str
    epoch: str
    last: int


def _box(load: Load) -> _Box:
    outbox = Outbox(load.file("outbox.db"), load.name, now, bytes)
    try:
        return _Box(load.name, outbox.epoch, outbox.last)
    finally:
        outbox.close()


def _truth(load: Load) -> dict[Row, float]:
    rows: dict[Row, float] = {}
    for moment in range(load.recorded()):
        rows |= {(each.device, each.point, each.time): each.value for each in load.readings(moment)}
        event = load.event(moment)
        if event is not None:
            rows[f"{load.name}-gate", "event", event.time] = 1.0
    return rows


def _stored(store: SeriesStore, registry: Registry, loads: Sequence[Load]) -> tuple[dict[Row, float], int]:
    """What the platform has, and how many of its rows say again what another says."""
    keys = [
        SeriesKey(SITE, "yard", "electricity_meter", f"{load.name}-m{at}", point)
        for load in loads
        for at in range(load.meters)
        for point in ("energy", "power")
    ]
    rows: dict[Row, float] = {}
    batch = store.read(keys, loads[0].begin - _FOREVER, loads[0].begin + _FOREVER)
    for code, time, value in zip(batch.code.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True):
        rows[keys[code].device, keys[code].point, time] = value
    total = len(batch)
    with registry.reading() as session:
        for device, time in session.execute(select(EventRow.device, EventRow.time).where(EventRow.site == SITE)):
            rows[device, "event", time] = 1.0
            total += 1
    return rows, total - len(rows)


def _proof(registry: Registry, boxes: Sequence[_Box]) -> tuple[int, int, int]:
    """Numbers the platform cannot vouch for in the streams that live, those that ended, and what it misses of them."""
    living = {(box.agent, box.epoch): box.last for box in boxes}
    unproved = ended = known_gone = 0
    with registry.reading() as session:
        for stream in streams(session, SITE):
            last = living.get((stream.agent, stream.epoch))
            if last is None:
                ended += stream.ended
                known_gone += stream.gone
            else:
                unproved += last - stream.top + count(stream.missing) + stream.lost
    return unproved, ended, known_gone


def _on_replaced_disks(load: Load) -> Iterable[Row]:
    """What waited in the outboxes that were taken away."""
    for path in sorted(Path(load.folder).glob("outbox-*.db")):
        outbox = Outbox(path, load.name, now, bytes)
        for entry in outbox.unsent(0, 1 << 30):
            _, _, _, _, device, channel = entry.topic.split("/")
            if channel == "readings":
                pack = senml.decode(entry.body, SITE, device, now())
                yield from ((device, point, time) for point, time in zip(pack.points, pack.times, strict=True))
            elif channel == "events":
                yield from ((device, "event", event.time) for event in messages.decode_events(entry.body).events)
        outbox.close()


def _intervals(store: SeriesStore, devices: Sequence[str]) -> dict[tuple[str, int], tuple[float, int]]:
    """Every interval of the books: its consumption and its quality."""
    keys = [SeriesKey(SITE, "yard", "electricity_meter", device, "energy") for device in devices]
    books = consumption(store, keys, now() - 90 * DAY, now(), "15min", _ZONE)
    return {
        (keys[code].device, start): (value, quality)
        for code, start, value, quality in zip(
            books.code.tolist(), books.start.tolist(), books.value.tolist(), books.quality.tolist(), strict=True
        )
    }


def _undisturbed(
    loads: Sequence[Load], gone: set[Row], folder: Path, devices: Sequence[str]
) -> dict[tuple[str, int], tuple[float, int]]:
    """The books of the same readings taken in order, by one process that nobody disturbs, on the embedded store."""
    data = folder / "undisturbed"
    told = Settings(data=data, store=f"duckdb:///{data / 'readings.duckdb'}", registry=f"sqlite:///{data / 'r.db'}")
    with opened(told) as parts:
        pipeline = services.pipeline(parts)
        for load in loads:
            paths, payloads = [], []
            for device in load.devices():
                paths.append(Topic(_ORG, SITE, device.building, device.kind, device.id, "state").path())
                birth = messages.Birth(title=device.title, interval=device.seconds, replay=True)
                payloads.append(messages.encode_state(birth))
            pipeline.process(paths, payloads)
            for first in range(0, load.recorded(), _MOMENTS):
                _feed(pipeline, load, range(first, min(first + _MOMENTS, load.recorded())), gone)
        analytics = Analytics(parts.store, parts.registry, now)
        while analytics.step().more:
            pass
        while not settled(told.registry_url):
            analytics.step()
            analytics.save()
        return _intervals(parts.store, devices)


def _feed(pipeline: Pipeline, load: Load, moments: range, gone: set[Row]) -> None:
    rows = [
        reading
        for moment in moments
        for reading in load.readings(moment)
        if (reading.device, reading.point, reading.time) not in gone
    ]
    devices = sorted({reading.device for reading in rows})
    paths = [Topic(_ORG, SITE, "yard", "electricity_meter", device, "readings").path() for device in devices]
    packs = [senml.encode(SITE, [reading for reading in rows if reading.device == device]) for device in devices]
    pipeline.process(paths, packs)
