"""The bookkeeper: settles work with all that rules it, writes the journal first, then the books."""

from collections.abc import Mapping, Sequence

from analytics.books.journal import Cause
from analytics.books.register import Change
from analytics.books.settling import Ground, prepare
from analytics.calendar import Calendar
from schema.batch import Batch
from schema.series import SeriesKey
from store.registry import exchanges, journal
from store.registry.base import Registry
from store.registry.exchanges import RegisterChange
from store.registry.places import wide
from store.registry.worklist import Work
from store.series.port import SeriesStore

PORTION = 500
"""Journal entries written in one transaction."""


def settle(
    store: SeriesStore,
    registry: Registry,
    work: Sequence[Work],
    calendars: Mapping[str, Calendar],
    now: int,
    *,
    renewing: bool = False,
) -> Batch:
    """Bring the books of the work up to date; all intervals next to it, quality and rule in one mark.

    `renewing`: the readings are what they were, the rules are others.
    Killed at any instant, the same work ends in the same books and journal.
    """
    if not work:
        return Batch.empty()
    # Read after the work was taken: whatever rules a register is at least as new as the work it made.
    with registry.reading() as session:
        rows = exchanges.declared(session)
        own = {(device.site, device.id): device.width for device in wide(session) if device.width is not None}
    spans = {item.key: item for item in work}
    waiting = [row for row in rows if not renewing and row.settled is None and _within(spans.get(row.key), row.time)]
    usual: Cause = "version" if renewing else "late" if store.keeps_ranks else "readings"
    causes = dict.fromkeys(spans, usual)
    causes |= dict.fromkeys((row.key for row in waiting), "declaration")
    settled = prepare(store, work, Ground(own, in_force(rows), calendars, causes))
    # In portions: ingest waits for the registry while a transaction is open.
    for first in range(0, len(settled.revisions), PORTION):
        with registry.writing() as session:
            journal.record(session, settled.revisions[first : first + PORTION], now)
    if len(settled.rows):
        store.write(settled.rows)
    if waiting:
        with registry.writing() as session:
            exchanges.work_in(session, [(row.id, row.withdrawn) for row in waiting], now)
    return settled.told


def in_force(rows: Sequence[RegisterChange]) -> dict[SeriesKey, tuple[Change, ...]]:
    """The declarations (in order of time) that count, by register; factor and width hold until the next ones."""
    changes: dict[SeriesKey, tuple[Change, ...]] = {}
    for row in rows:
        if row.withdrawn is None:
            earlier = changes.get(row.key, ())
            factor, width = (earlier[-1].factor, earlier[-1].width) if earlier else (1.0, None)
            change = Change(row.time, row.closing, row.opening, row.factor or factor, row.width or width)
            changes[row.key] = (*earlier, change)
    return changes


def _within(item: Work | None, time: int) -> bool:
    return item is not None and item.low <= time <= item.high
