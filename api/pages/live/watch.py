"""One overview of a site for all who look at it: computed again when somebody asks and it has aged."""

import asyncio
from dataclasses import dataclass, field

from analytics.live.board import Overview
from analytics.live.overview import overview
from api.context import Context
from api.pages.alarms.foremost import Line, foremost
from api.places import last_seen, series_of
from schema.instant import SECOND
from store.registry.alarms import open_alarms
from store.registry.places import Device, devices

FRESH_FOR = 2 * SECOND


@dataclass(frozen=True)
class Sight:
    """What the live page shows: `history` when every device is replayed, and `at` is then its last reading.

    `alarms` are those that most want somebody.
    """

    overview: Overview
    devices: list[Device]
    at: int
    history: bool
    alarms: list[Line]


@dataclass
class Watch:
    """The overviews of all sites, each at most FRESH_FOR old when answered."""

    context: Context
    _kept: dict[str, tuple[int, Sight]] = field(default_factory=dict)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def see(self, site: str, since: int = 0) -> Sight:
        """The site, not as it was before `since`; RetryLater while a store is away."""
        async with self._turns.setdefault(site, asyncio.Lock()):
            now = self.context.clock()
            kept = self._kept.get(site)
            if kept is not None and since <= kept[0] <= now < kept[0] + FRESH_FOR:
                return kept[1]
            sight = await asyncio.to_thread(look, self.context, site, now)
            self._kept[site] = (now, sight)
            return sight


def look(context: Context, site: str, now: int) -> Sight:
    """The overview of a site at `now`, or at the last reading of one that is replayed history."""
    with context.registry.reading() as session:
        known = devices(session, site)
        waiting = open_alarms(session, site)
    history = bool(known) and all(device.replay for device in known)
    at = now
    if history:
        at = max(last_seen(context.store.latest(series_of(known))).values(), default=now)
    return Sight(overview(context.store, context.registry, site, at), known, at, history, foremost(waiting, at))
