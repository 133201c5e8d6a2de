"""The compound live on one page: it follows the hub from reading to reading, without a reload."""

import asyncio

from nicegui import ui

from api.pages import text
from api.pages.frame.following import Rows, follow
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from api.pages.live import welcome
from api.pages.live.board import Board
from api.pages.live.live_power import LivePower
from api.pages.live.watch import Watch
from schema.errors import RetryLater

REFRESH_SECONDS = 4.0


async def show(visit: Visit, watch: Watch) -> None:
    """The page of the visitor's site, or what to do where there is nothing to show yet."""
    sight = await watch.see(visit.site.id) if visit.site else None
    with frame(visit, text.LIVE):
        if visit.site is None or sight is None or not sight.overview.devices.total:
            welcome.draw(visit)
            follow(visit.context, None, lambda _: ui.navigate.reload())
            return
        board = Board(visit)
        board.show(sight)
    live = await asyncio.to_thread(LivePower.of, visit.context, sight.devices, sight.overview.power)
    site = visit.site.id

    async def refresh(since: int = 0) -> None:
        try:
            sight = await watch.see(site, since)
        except RetryLater:
            board.unreachable()
            return
        board.show(sight)
        if not sight.history:
            board.power(live.total(visit.context.clock()))

    async def take(rows: Rows) -> None:
        if live.take(rows):
            board.power(live.total(visit.context.clock()))
        if any(row["kind"] != "latest" for row in rows):
            await refresh(visit.context.clock())

    ui.timer(REFRESH_SECONDS, refresh, immediate=False)
    follow(visit.context, site, take)
