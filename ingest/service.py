"""The ingest service: receive what has come, make it durable, acknowledge, again; whatever waits goes in one turn.

While one turn is recorded the next is written and the one after it received and decoded; the stores leave the
interpreter free for that.
"""

import asyncio
import contextlib
import logging
from time import thread_time

from bus import messages
from bus.client import Client, Inbox
from bus.topics import subscription
from ingest.pipeline import Pipeline
from ingest.share import Part
from ingest.turn import Turn
from schema.errors import Stop
from schema.retry import until_done

log = logging.getLogger(__name__)

TURN = 20_000
TURN_BYTES = 8 << 20
"""Messages, and bytes of them, taken at most in one turn."""
RETRY_EVERY = 2.0
"""Seconds between looks for dead letters to be tried again."""
RETRIES = 50

ANSWER_EVERY = 0.5
"""Seconds between looks at what the dialects have to answer."""

FOLLOW_EVERY = 1.0
LEAVE = 2.0
"""Seconds the broker is given to let us go."""
WHOLE = Part()

_BUSY = 32
_GATHER = 0.1
_LULL = 0.01
_ENOUGH = 4 << 20
"""After a turn of so many messages the next one gathers for so many seconds, or so many bytes, or until a lull.

A turn has its price, whatever is in it. But a broker that keeps a small window sends nothing until we acknowledge.
"""


class _Line:
    """The stations of turns on their way: one is taken, one written, one recorded, each while the others are."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[tuple[Inbox, Turn]] = asyncio.Queue()
        self.written: asyncio.Queue[tuple[Inbox, Turn]] = asyncio.Queue()
        self.alone = asyncio.Lock()
        """Held while a turn is taken: what has to see all turns before it waits until none is under way."""

    async def clear(self) -> None:
        """Returns when no turn is under way."""
        await self.taken.join()
        await self.written.join()


async def run(client: Client, pipeline: Pipeline, org: str, part: Part = WHOLE) -> None:
    """Serve until cancelled; `client` is connected. While the store is away the queue stays with the broker.

    Of several processes each is a part; dead letters are tried again by the first.
    """
    begin = thread_time()
    places = await until_done(log, "ingest", pipeline.places)
    await client.unsubscribe(part.others(org, places))
    # Births first: what is retained of them comes before any reading.
    filters = part.filters(org, places)
    await client.subscribe([subscription(org, "state"), *filters])
    if part.number == 1:
        if left := await until_done(log, "ingest", pipeline.left):
            await client.unsubscribe(left)
        await until_done(log, "ingest", pipeline.keep_filters)
    if pipeline.dialects.filters:
        await client.subscribe(pipeline.dialects.filters, retained=False)
    log.info("ingest listens to %s", org)
    line = _Line()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_take(client, pipeline, line), name="ingest takes")
            group.create_task(_write(pipeline, line), name="ingest writes")
            group.create_task(_record(client, pipeline, line), name="ingest records")
            if not (part.is_whole or part.shared):
                group.create_task(_follow(client, pipeline, org, part), name="ingest follows")
            if part.number == 1:
                group.create_task(_retry(pipeline, line), name="ingest tries again")
            if pipeline.dialects.filters:
                group.create_task(_answer(client, pipeline), name="ingest answers")
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        if part.shared and not part.is_whole:
            await _leave(client, filters)
        done = pipeline.counts
        log.info(
            "ingest took in %d messages, %d readings; CPU: receive %.2fs decode %.2fs write %.2fs record %.2fs",
            *(done.messages, done.readings, thread_time() - begin, done.decode_s, done.write_s, done.record_s),
        )


async def _take(client: Client, pipeline: Pipeline, line: _Line) -> None:
    busy = False
    while True:
        if busy:
            await _gather(client)
        inbox = await client.receive(TURN, TURN_BYTES)
        busy = len(inbox.ids) >= _BUSY
        async with line.alone:
            overlaps = pipeline.may_overlap(inbox.topics)
            if not overlaps:
                await line.clear()
            turn = await until_done(log, "ingest", pipeline.take, inbox.topics, inbox.payloads)
            await line.taken.join()
            line.taken.put_nowait((inbox, turn))
            if not overlaps:
                await line.clear()


async def _gather(client: Client) -> None:
    loop = asyncio.get_running_loop()
    end, seen = loop.time() + _GATHER, -1
    while loop.time() < end and client.waiting != seen and client.waiting_bytes < _ENOUGH:
        seen = client.waiting
        await asyncio.sleep(_LULL)


async def _follow(client: Client, pipeline: Pipeline, org: str, part: Part) -> None:
    """Subscribe to places as they come to be known: what was said there before, its agent sends again."""
    known: set[tuple[str, str]] = set()
    while True:
        places = await until_done(log, "ingest", pipeline.places)
        if fresh := part.filters(org, places - known):
            await client.subscribe(fresh)
        known |= places
        await asyncio.sleep(FOLLOW_EVERY)


async def _leave(client: Client, filters: list[str]) -> None:
    """The others take our share over at once, and not only when our session ends; what is queued waits for us."""
    with contextlib.suppress(TimeoutError, Stop):
        async with asyncio.timeout(LEAVE):
            await client.unsubscribe(filters)


async def _retry(pipeline: Pipeline, line: _Line) -> None:
    """Take in again the dead letters that somebody asked for, while no other turn is under way."""
    while True:
        await asyncio.sleep(RETRY_EVERY)
        while await until_done(log, "replay", pipeline.asked):
            async with line.alone:
                await line.clear()
                await until_done(log, "replay", pipeline.retry, RETRIES)


async def _write(pipeline: Pipeline, line: _Line) -> None:
    while True:
        inbox, turn = await line.taken.get()
        await until_done(log, "ingest", pipeline.write, turn)
        await line.written.join()
        line.written.put_nowait((inbox, turn))
        line.taken.task_done()


async def _record(client: Client, pipeline: Pipeline, line: _Line) -> None:
    while True:
        inbox, turn = await line.written.get()
        answers = await until_done(log, "ingest", pipeline.record, turn)
        client.acknowledge(inbox)
        line.written.task_done()
        for topic, acknowledged in answers:
            # At most once is enough: an agent that misses it asks by sending again.
            await client.publish(topic.path(), messages.encode_ack(acknowledged), qos=0, retain=True)


async def _answer(client: Client, pipeline: Pipeline) -> None:
    """Publish what the dialects have to answer; looked at once in a while, since silence can be a reason too."""
    connects = 0
    while True:
        if client.connects != connects:
            connects = client.connects
            pipeline.dialects.connected()
        for reply in pipeline.replies():
            qos = 1 if reply.retain else 0
            await client.publish(reply.topic, reply.payload, qos=qos, retain=reply.retain)
        await asyncio.sleep(ANSWER_EVERY)
