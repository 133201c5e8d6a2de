"""The ingest service: receive what has come, make it durable, acknowledge, again; whatever waits goes in one turn."""

import logging

from bus import messages
from bus.client import Client
from bus.topics import subscription
from ingest.pipeline import Pipeline
from schema.retry import until_done

log = logging.getLogger(__name__)

TURN = 20_000
"""Messages taken at most in one turn."""


async def run(client: Client, pipeline: Pipeline, org: str) -> None:
    """Serve until cancelled; `client` is connected. While the store is away the queue stays with the broker."""
    await client.subscribe([subscription(org, channel) for channel in ("state", "readings", "events")])
    log.info("ingest listens to %s", org)
    while True:
        inbox = await client.receive(TURN)
        answers = await until_done(log, "ingest", pipeline.process, inbox.topics, inbox.payloads)
        client.acknowledge(inbox)
        for topic, acknowledged in answers:
            # At most once is enough: an agent that misses it asks by sending again.
            await client.publish(topic.path(), messages.encode_ack(acknowledged), qos=0, retain=True)
