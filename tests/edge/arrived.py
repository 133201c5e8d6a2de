"""What messages say, decoded, for tests to look into."""

from collections.abc import Iterable

from bus.messages import Birth, decode_events, decode_state
from bus.senml import decode
from bus.topics import parse
from schema.event import Event


class Arrived:
    """Births by device, values by (device, point) and time, events by (device, id), and the number of packs."""

    def __init__(self, messages: Iterable[tuple[str, bytes]]) -> None:
        self.births: dict[str, list[Birth]] = {}
        self.values: dict[tuple[str, str], dict[int, float]] = {}
        self.events: dict[tuple[str, str], Event] = {}
        self.packs = 0
        for path, payload in messages:
            topic = parse(path)
            if topic.channel == "state":
                state = decode_state(payload)
                if isinstance(state, Birth):
                    self.births.setdefault(topic.device, []).append(state)
            elif topic.channel == "events":
                events = decode_events(payload)
                assert not events.rejects
                self.events |= {(topic.device, event.id): event for event in events.events}
            else:
                self._take_pack(topic.site, topic.device, payload)

    def _take_pack(self, site: str, device: str, payload: bytes) -> None:
        pack = decode(payload, site, device, 0)
        assert not pack.rejects
        self.packs += 1
        for point, time, value in zip(pack.points, pack.times, pack.values, strict=True):
            self.values.setdefault((device, point), {})[time] = value
