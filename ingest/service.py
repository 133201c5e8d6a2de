"""The ingest service: receive what has come, make it durable, acknowledge, again; whatever waits goes in one turn."""

import asyncio
import logging

from bus.client import Client

from bus import messages
from bus.topics import subscription
from ingest.pipeline import Pipeline
from schema.errors import RetryLater

log = logging.getLogger(__name__)

TURN = 20_000
"""Messages taken at most in one turn."""


async def run(client: Client, pipeline: Pipeline, org: str) -> None:
    """Serve until cancelled; `client` is connected. A store that is away leaves the queue with the broker."""
    await client.subscribe([subscription(org, channel) for channel in ("state", "readings", "events")])
    while True:
        inbox = await client.receive(TURN)
        waiting = False
        while True:
            try:
                answers = await asyncio.to_thread(pipeline.process, inbox.topics, inbox.payloads)
                break
            except RetryLater as error:
                if not waiting:
                    log.warning("ingest waits, nothing is acknowledged: %s", error)
                waiting = True
                await asyncio.sleep(error.after)
        if waiting:
            log.warning("ingest goes on")
        client.acknowledge(inbox)
        for topic, acknowledged in answers:
            # At most once is enough: an agent that misses it asks by sending again.
            await client.publish(topic.path(), messages.encode_ack(acknowledged), qos=0, retain=True)
