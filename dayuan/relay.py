"""Between processes: news of what analytics found goes over the bus, and back into the live hub of the web process."""

import json
import logging
from collections.abc import Callable
from typing import Any

from bus import senml, topics
from bus.client import Client
from bus.topics import Topic, subscription
from devices import kinds
from schema.batch import Batch
from schema.errors import Reject
from schema.instant import Clock
from schema.quantity import conversion
from schema.series import SeriesKey

log = logging.getLogger(__name__)


async def tell(client: Client, org: str, kind: str, body: dict[str, Any]) -> None:
    """Publish a notice for every web process; one that is lost costs a page a refresh, so at most once is enough."""
    topic = Topic(org, body["site"], "platform", "analytics", kind, "news")
    await client.publish(topic.path(), json.dumps(body).encode(), qos=0)


async def rouse(client: Client, org: str, wake: Callable[[], None]) -> None:
    """Rouse a service whenever ingest acknowledges, which it does when something new is stored, until cancelled."""
    await client.subscribe([subscription(org, "ack")])
    while True:
        client.acknowledge(await client.receive(1000))
        wake()


async def listen(
    client: Client,
    org: str,
    offer: Callable[[Batch], None],
    announce: Callable[[str, dict[str, Any]], None],
    clock: Clock,
) -> None:
    """Feed a live hub with readings as they pass by and with notices, until cancelled."""
    await client.subscribe([subscription(org, "readings"), subscription(org, "news")])
    while True:
        inbox = await client.receive(1000)
        client.acknowledge(inbox)
        for path, payload in zip(inbox.topics, inbox.payloads, strict=True):
            try:
                topic = topics.parse(path)
                if topic.channel == "news":
                    announce(topic.device, json.loads(payload))
                else:
                    offer(batch_of(topic, payload, clock()))
            except (Reject, ValueError) as error:
                log.debug("not shown live: %s: %s", path, error)  # ingest is who parks it


def batch_of(topic: Topic, payload: bytes, now: int) -> Batch:
    """A pack's readings in canonical units; Reject for what ingest would park."""
    pack = senml.decode(payload, topic.site, topic.device, now)
    kind = kinds().get(topic.kind)
    keys: dict[SeriesKey, int] = {}
    codes, times, values = [], [], []
    for name, unit, time, value in zip(pack.points, pack.units, pack.times, pack.values, strict=True):
        point = kind.point(name) if kind else None
        if point is None:
            continue
        factor, offset = conversion(unit or point.unit, point.quantity)
        key = SeriesKey(topic.site, topic.building, topic.kind, topic.device, name)
        codes.append(keys.setdefault(key, len(keys)))
        times.append(time)
        values.append(value * factor + offset)
    return Batch.of(tuple(keys), codes, times, values)
