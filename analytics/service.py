"""The analytics service: one step settles what is new, looks for what is wrong with it, and moves the alarms.

worklist -> settle -> detect -> alarms and notifications, in one transaction -> news for whoever listens
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from analytics.alarms import clock, lifecycle, notify
from analytics.alarms.ack_link import AckLinks
from analytics.books import bookkeeper, ledger, rules
from analytics.books.renewal import Renewal
from analytics.calendar import Calendar
from analytics.detect import Detection
from analytics.detect.core import Context
from analytics.detect.limits import ROWS, Limits
from analytics.detect.silent import Watch
from analytics.warming import Warming
from devices import kinds
from schema.batch import Batch
from schema.finding import Finding
from schema.instant import MINUTE, SECOND, Clock
from schema.text import Text
from store.registry import snapshots, worklist
from store.registry.base import Registry
from store.registry.goals import factors
from store.registry.places import Device, devices, sites
from store.registry.worklist import Work
from store.series.port import SeriesStore

SNAPSHOT = "detection"
SNAPSHOT_EVERY = MINUTE
AGENT = "agent"
"""The kind of the edge agents themselves, behind which devices stand."""
LOOK_EVERY = 10 * SECOND
"""Between looks at what only the clock can tell: silent devices, and devices that were added or renamed."""
PORTION = 500
"""Findings worked into the alarms in one transaction."""


class News(NamedTuple):
    """What a step brought: notices for listeners as (kind, body); whether more waits to be worked in, or saved."""

    notices: list[tuple[str, dict[str, Any]]]
    more: bool
    unsaved: bool


class Analytics:
    """Holds the detectors' state; `step` and `save` block, and wait for one another.

    Killed at any instant, the next one starts from the last snapshot and works in again all that was taken since. Where
    there is none that can be read, the detectors learn stored history first, and the work waits.
    """

    def __init__(
        self,
        store: SeriesStore,
        registry: Registry,
        clock: Clock,
        channels: Sequence[notify.Channel] = (),
        links: AckLinks | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._channels = channels
        self._links = links
        self._lock = threading.Lock()
        self._looked = self._saved = 0
        self._unsaved = False
        self._work: list[Work] = []
        self._found: list[Finding] = []
        self._titles: dict[tuple[str, str], Text] = {}
        self._calendars: dict[str, Calendar] = {}
        self._rules: dict[tuple[str, str], Calendar] = {}
        self._parents: dict[tuple[str, str], str] = {}
        self._limits = Limits()
        self._watched: list[Device] = []
        with registry.writing() as session:
            worklist.give_back(session)
            self.detection = Detection.load(snapshots.load(session, SNAPSHOT))
        self._warming: Warming | None = None
        self._renewal = Renewal(store, registry)

    def step(self, limit: int = 1000) -> News:
        """Work in what ingest has stored since the last step, and look at the clock when it is time to."""
        with self._lock:
            return self._step(limit)

    def save(self) -> None:
        """Keep the detectors' state; what was taken from the worklist is then done for good."""
        with self._lock:
            self._save(self._clock())

    def _step(self, limit: int) -> News:
        now = self._clock()
        if self.detection.cold and self._warm(now):
            return News(self._conclude([], now), more=True, unsaved=False)
        # What was taken while the store was away is still to be worked in.
        if not self._work:
            with self._registry.writing() as session:
                self._work = worklist.take(session, limit)
        work = self._work
        self._unsaved = self._unsaved or bool(work)
        look = now - self._looked >= LOOK_EVERY
        if look or any((item.key.site, item.key.device) not in self._titles for item in work):
            self._look()
            self._looked = now
        context = Context(now, self._calendars, self._titles, self._parents, self._limits)
        settled = bookkeeper.settle(self._store, self._registry, work, self._calendars, now)
        renewing = self._renewal.step(self._calendars, now)
        # The detectors have moved on when the registry cannot be written: what they found is kept for the next try.
        found = self.detection.registers(settled, context)
        booked = replace(settled, quality=rules.quality_of(settled.quality))
        found += self.detection.update(Batch.concat([booked, self._gauges(work)]), context)
        self._found += _loud(found, work)
        self._work = []
        if look:
            self._found += self._silent(context)
        notices = self._conclude(work, now)
        # A lull is the time to save; where there is none, once in a while.
        if self._unsaved and (not work or now - self._saved >= SNAPSHOT_EVERY):
            self._save(now)
        return News(notices, more=renewing or len(work) == limit, unsaved=self._unsaved)

    def _warm(self, now: int) -> bool:
        """Learn a day of stored history; whether more may follow. What waits in the worklist is left to be told."""
        if self._warming is None:
            with self._registry.reading() as session:
                lows = worklist.waiting(session)
            cuts = lows | {key.intervals(): ledger.floor(low) for key, low in lows.items()}
            self._look()
            self._warming = Warming(self._store, self.detection, cuts, now)
        context = Context(now, self._calendars, self._titles, self._parents, self._limits)
        more = self._warming.step(context)
        if not more:
            self.detection.cold, self._unsaved = False, True
        return more

    def _save(self, now: int) -> None:
        if self.detection.cold:
            return  # half of what is stored is learned
        if self._work or self._found:
            return  # taken and not worked in, or found and not told: the next one is to find it in the worklist
        with self._registry.writing() as session:
            snapshots.save(session, SNAPSHOT, self.detection.dump(), now)
            worklist.done(session)
        self._saved, self._unsaved = now, False

    def _conclude(self, work: Sequence[Work], now: int) -> list[tuple[str, dict[str, Any]]]:
        notices: list[tuple[str, dict[str, Any]]] = [
            ("books", {"site": site}) for site in {item.key.site for item in work}
        ]
        # In portions: ingest waits for the registry while a transaction is open, and history may bring thousands.
        while self._found:
            portion = self._found[:PORTION]
            with self._registry.writing() as session:
                notices += self._tell(session, lifecycle.apply(session, portion, now), now)
            del self._found[:PORTION]
        with self._registry.writing() as session:
            notices += self._tell(session, clock.tick(session, now), now)
        return notices

    def _tell(
        self, session: Session, changes: Sequence[lifecycle.Change], now: int
    ) -> list[tuple[str, dict[str, Any]]]:
        """Put on paper whom to call, and give the notices for those who look."""
        recent = [change for change in changes if change.alarm.end > now - lifecycle.STALE]
        notify.enqueue(session, recent, self._channels, now, self._links)
        return [
            ("alarm", {"site": alarm.site, "id": alarm.id, "device": alarm.device, "effect": effect})
            for alarm, effect in changes
        ]

    def _gauges(self, work: Sequence[Work]) -> Batch:
        """The new readings of the gauges that a detector looks at."""
        gauges = [item for item in work if self.detection.detectors.reads(item.key)]
        if not gauges:
            return Batch.empty()
        low, high = min(item.low for item in gauges), max(item.high for item in gauges)
        return self._store.read([item.key for item in gauges], low, high + 1)

    def _look(self) -> None:
        with self._registry.reading() as session:
            places = [(site.id, (site.timezone, site.calendar)) for site in sites(session)]
            known = devices(session)
            self._limits = Limits((*factors(session), *ROWS))
        # A calendar that is still right keeps what it has worked out.
        self._rules = {rule: self._rules.get(rule) or Calendar(*rule) for _, rule in places}
        self._calendars = {site: self._rules[rule] for site, rule in places}
        self._titles = {(device.site, device.id): Text(device.title_zh, device.title_en) for device in known}
        parents = {(device.site, device.id): device.parent for device in known if device.parent is not None}
        if parents != self._parents:
            self._parents = parents
        self._watched = [device for device in known if not device.replay and device.kind in kinds()]

    def _silent(self, context: Context) -> list[Finding]:
        points = {
            device: [device.series(point.name) for point in kinds()[device.kind].points] for device in self._watched
        }
        newest = self._store.latest([key for keys in points.values() for key in keys])
        times: dict[tuple[str, str], int] = {}
        for code, time in zip(newest.code.tolist(), newest.time.tolist(), strict=True):
            place = newest.keys[code].site, newest.keys[code].device
            times[place] = max(time, times.get(place, time))
        watches = []
        for device, keys in points.items():
            last = times.get((device.site, device.id))
            # One that has just been announced, or set to another rhythm, is given its time from then on.
            since = None if last is None else max(last, device.state_since)
            # An agent speaks through its last will too, and may have nothing else to say.
            gone = device.kind == AGENT and device.state == "offline"
            if gone:
                since = device.state_since
            watches.append(Watch(keys[0], since, device.interval, gone=gone))
        return self.detection.silent(watches, context)


def _loud(found: Sequence[Finding], work: Sequence[Work]) -> list[Finding]:
    """The findings that are not of history which was told late: such is stored and booked, and raises no alarm."""
    quiet = {key: item.quiet for item in work if item.quiet is not None for key in (item.key, item.key.intervals())}
    return [finding for finding in found if finding.end > quiet.get(finding.series, finding.end - 1)]
