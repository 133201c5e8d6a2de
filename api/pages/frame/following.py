"""Following the hub from a page: one task a visitor, ended with the visitor's connection."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from nicegui import background_tasks, ui

from api.context import Context

Rows = list[dict[str, Any]]


def follow(context: Context, site: str | None, take: Callable[[Rows], Awaitable[None] | None]) -> None:
    """Call `take` on this page with what is new in the hub, until the page is closed."""
    client = ui.context.client

    async def listen() -> None:
        async with aclosing(context.hub.subscribe(site)) as news:
            async for rows in news:
                with client:
                    waiting = take(rows)
                    if waiting is not None:
                        await waiting

    task = background_tasks.create(listen(), name=f"follow {site}")
    client.on_delete(task.cancel)
