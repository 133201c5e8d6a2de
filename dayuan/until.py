"""Running services together, until a person or the system asks them to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from schema.errors import Stop


async def until_signal(**work: Coroutine[Any, Any, None]) -> None:
    """Run services, by name, until SIGINT or SIGTERM, or the first of them fails; the others are then cancelled."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(service, name=name) for name, service in work.items()]
    waiting = asyncio.create_task(stop.wait(), name="signal")
    try:
        finished, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in finished - {waiting}:
            task.result()
            raise Stop(f"{task.get_name()} ended by itself")
    finally:
        for task in (waiting, *tasks):
            task.cancel()
        await asyncio.gather(waiting, *tasks, return_exceptions=True)
