"""The live stream: newest values and notices as server-sent events."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.auth import Viewer
from api.context import Context, Ctx
from api.moments import iso
from api.places import find_site
from api.problems import not_found
from api.routes.sites import QUALITIES
from store.registry.places import sites

router = APIRouter(tags=["live"])


@router.get("/live", response_class=EventSourceResponse)
async def live(
    context: Ctx, caller: Viewer, site: Annotated[str | None, Query(description="one site; all when absent")] = None
) -> AsyncIterator[ServerSentEvent]:
    """Events named by their kind: `latest` (a list of newest values), `alarm`, `finding`, `books`; `lagged` asks to reload.

    At most four times a second; a slow reader skips ahead to the newest. A comment every 15 s keeps the connection.
    """
    wanted = site or caller.site
    zones = await run_in_threadpool(_zones, context, wanted)
    async with aclosing(context.hub.subscribe(wanted)) as news:
        # Says at once that the stream stands; a browser reconnects after 2 s.
        yield ServerSentEvent(comment="dayuan", retry=2000)
        async for rows in news:
            values = [_value(row, zones) for row in rows if row["kind"] == "latest"]
            if values:
                yield ServerSentEvent(event="latest", data={"kind": "latest", "values": values})
            for row in rows:
                if row["kind"] != "latest":
                    yield ServerSentEvent(event=row["kind"], data=row)
