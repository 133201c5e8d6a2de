"""Trying again what a dependency could not do yet: said once when it begins, once when it is over."""

import asyncio
from collections.abc import Callable
from logging import Logger
from typing import ParamSpec, TypeVar

from schema.errors import RetryLater

P = ParamSpec("P")
R = TypeVar("R")


async def until_done(log: Logger, work: str, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a blocking call in a thread, again after every RetryLater, until it returns."""
    waiting = False
    while True:
        try:
            result = await asyncio.to_thread(call, *args, **kwargs)
        except RetryLater as error:
            if not waiting:
                log.warning("%s waits: %s", work, error)
            waiting = True
            await asyncio.sleep(error.after)
        else:
            if waiting:
                log.warning("%s goes on", work)
            return result
