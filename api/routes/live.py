"""The live stream: newest values and notices as server-sent events."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.auth import Viewer
from api.context import Ctx
from api.moments import iso
from api.places import find_site, zone_of
from api.problems import not_found
from api.routes.sites import QUALITIES
from schema.instant import MINUTE, to_datetime
from store.registry.places import sites

router = APIRouter(tags=["live"])

LONGEST = 15 * MINUTE
"""Then a stream ends, and the browser comes back if it still may: who signed out or lost a role sees no more."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The site asked for, None for all, and the zone of each site."""

    site: str | None
    zones: dict[str, ZoneInfo]


def watched(
    context: Ctx, caller: Viewer, site: Annotated[str | None, Query(description="one site; all when absent")] = None
) -> Watched:
    """What the caller asks for; 404 for a site that is not theirs."""
    wanted = site or caller.site
    if wanted is not None:
        if not caller.sees(wanted):
            raise not_found(f"no site {wanted!r}")
        return Watched(wanted, {wanted: zone_of(find_site(context, wanted))})
    with context.registry.reading() as session:
        return Watched(None, {each.id: zone_of(each) for each in sites(session)})


@router.get("/live", response_class=EventSourceResponse)
async def live(context: Ctx, what: Annotated[Watched, Depends(watched)]) -> AsyncIterator[ServerSentEvent]:
    """Events named by their kind: `latest` (a list of newest values), `alarm`, `books`.

    `lagged` says that notices were missed: read the state again. At most four times a second; a slow reader
    skips ahead to the newest. A comment every 15 s keeps the connection; after 15 minutes it ends: connect again.
    """
    ends = context.clock() + LONGEST
    async with aclosing(context.hub.subscribe(what.site)) as news:
        # Says at once that the stream stands; a browser that lost it comes back after a second.
        yield ServerSentEvent(comment="dayuan", retry=1000)
        async for rows in news:
            values = [_value(row, what.zones) for row in rows if row["kind"] == "latest"]
            if values:
                yield ServerSentEvent(event="latest", data={"kind": "latest", "values": values})
            for row in rows:
                if row["kind"] != "latest":
                    yield ServerSentEvent(event=row["kind"], data=row)
            if context.clock() >= ends:
                return


def _value(row: dict[str, Any], zones: dict[str, ZoneInfo]) -> dict[str, Any]:
    zone = zones.get(row["site"])
    # A site that came into being after the stream began: UTC, until the client connects again.
    time = iso(row["time"], zone) if zone is not None else to_datetime(row["time"]).isoformat()
    return {**row, "time": time, "quality": QUALITIES[row["quality"]]}
