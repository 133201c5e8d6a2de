"""A new configuration for an agent elsewhere: sent over the broker, answered in the agent's own state."""

import asyncio
import uuid

from bus.client import Client, Link
from bus.messages import Birth, Command, decode_state, encode_command
from bus.payload import MAX_PAYLOAD
from bus.topics import Topic
from schema.errors import Reject, Stop
from schema.instant import SECOND, Clock


async def send(link: Link, topic: Topic, configuration: str, clock: Clock, within: float) -> str:
    """Why the agent refuses it, empty when it works by it; Stop when it does not answer `within` seconds."""
    number = uuid.uuid4().hex
    command = Command(id=number, expires=clock() + round(within * SECOND), configuration=configuration)
    payload = encode_command(command)
    if len(payload) > MAX_PAYLOAD:
        raise Stop(f"the configuration has {len(payload)} bytes, more than the {MAX_PAYLOAD} of a message")
    try:
        path = topic.path()
    except Reject as error:
        raise Stop(f"site and agent are names of a-z 0-9 _ -: {error.detail}") from error
    state = topic._replace(channel="state").path()
    online = False
    try:
        async with asyncio.timeout(within), Client(link, patience=None) as client:
            await client.subscribe([state])
            while True:
                inbox = await client.receive(100)
                for said in map(decode_state, inbox.payloads):
                    online = isinstance(said, Birth)
                    if not isinstance(said, Birth):
                        continue
                    if said.configured and said.configured.command == number:
                        return said.configured.refused
                    # Only now, as it listens before it says that it is there; the second of two it lets alone.
                    await client.publish(path, payload, expiry=within)
                client.acknowledge(inbox)
    except Reject as error:
        raise Stop(f"broker {link.name} refuses the command: {error}; allow it in its access list") from error
    except TimeoutError:
        missing = (
            f"{topic.device} is there, but did not answer in {within:g} s; its file needs remote_configuration = true"
            if online
            else f"no agent {topic.device!r} of {topic.site} at {link.name}; is that its name, and does it run?"
        )
        raise Stop(missing) from None
