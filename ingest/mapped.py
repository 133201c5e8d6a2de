"""JSON of foreign devices, read as their mapping declares; a declared device needs no birth of its own."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from bus import mapping
from bus.mapping import MISSING
from bus.topics import Topic
from ingest.dialects import Columns, Fault, Heard, Reply, Told
from ingest.mappings import Place, Source
from schema.errors import Reject
from schema.instant import HOUR

REMIND = HOUR
"""A device that nobody declared is parked so often: its every message would push other letters off the shelf."""
MOST_STRANGERS = 10_000


class MappedJson:
    """The dialect of the JSON sections of all mapping files."""

    waiting: frozenset[str] = frozenset()

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self.filters = sorted({source.pattern.filter for source in sources})
        self._route = lru_cache(maxsize=16_384)(self._matching)
        self._told = False
        self._telling = False
        self._parked: dict[str, int] = {}
        self._parking: dict[str, int] = {}

    def takes(self, path: str) -> bool:
        """Whether any section's pattern matches."""
        return bool(self._route(path))

    def _matching(self, path: str) -> tuple[tuple[Source, Mapping[str, str]], ...]:
        found = ((source, source.pattern.match(path)) for source in self._sources)
        return tuple((source, captures) for source, captures in found if captures is not None)

    def read(self, path: str, payload: bytes, now: int, *, again: bool = False) -> Heard:
        """The readings of every declared device in a message; what is wrong with some is one fault."""
        if not payload:
            return Heard()  # a retained message that was cleared
        columns: dict[Topic, Columns] = {}
        wrong: list[Reject] = []
        strangers: set[str] = set()
        matching = self._route(path)
        for source, captures in matching:
            top = mapping.read_text(payload) if source.bare else mapping.read_json(payload)
            for here in ((top,),) if source.each is None else source.each.every(top):
                try:
                    place = _place(source, captures, top, here)
                    if isinstance(place, str):
                        strangers.add(place)
                    else:
                        into = columns.setdefault(place.topic, Columns())
                        wrong += _readings(source, place, top, here, now, into)
                except Reject as error:
                    wrong.append(error)
        heard = Heard(self._births())
        heard.told.extend(Told(topic, held.pack()) for topic, held in columns.items() if held.points)
        strangers -= {name for source, _ in matching for name in source.names}
        if strangers and (again or self._news(strangers, now)):
            detail = f"{', '.join(sorted(strangers))[:300]}: declare it in [[devices]] of the mapping"
            wrong.append(Reject("undeclared_device", detail))
        if wrong:
            heard.faults.append(Fault(wrong[0].reason, "; ".join(error.detail for error in wrong)[:500], payload))
        return heard

    def _news(self, strangers: set[str], now: int) -> bool:
        """Whether any of the devices that nobody declared has not been parked for a while."""
        last = ChainMap(self._parking, self._parked)
        fresh = [name for name in strangers if now - last.get(name, now - REMIND) >= REMIND]
        self._parking |= dict.fromkeys(fresh, now)
        return bool(fresh)

    def _births(self) -> list[Told]:
        """All that is declared, introduced once."""
        if self._told or self._telling:
            return []
        self._telling = True
        places = {place.topic: place for source in self._sources for place in source.places.values()}
        return [Told(topic._replace(channel="state"), place.birth) for topic, place in places.items()]

    def replies(self, now: int) -> list[Reply]:  # noqa: ARG002
        """Nobody here waits for an answer."""
        return []

    def connected(self) -> None:
        """Nothing to say to a broker."""

    def begin(self) -> None:
        """A turn begins."""
        self._telling, self._parking = False, {}

    def save(self, session: Session, now: int) -> None:
        """Nothing is learned that the mapping does not say."""

    def commit(self) -> None:
        """The turn is on disk, and so are its births and letters."""
        self._told = self._told or self._telling
        if len(self._parked) > MOST_STRANGERS:
            self._parked.clear()
        self._parked |= self._parking


def _place(source: Source, captures: Mapping[str, str], top: Any, here: Sequence[Any]) -> Place | str:
    """The place of the device that a message, or a part of it, is from; else the name nobody declared."""
    if isinstance(source.device, str):
        name: str | None = source.device.format_map(captures)
    else:
        found = source.device.find(top, here)
        name = None if found is MISSING else mapping.name(found)
        if name is None:
            raise Reject("no_device", f"no name at {source.device.text!r}")
    return source.places.get(name or "", name or "")


def _readings(source: Source, place: Place, top: Any, here: Sequence[Any], now: int, into: Columns) -> list[Reject]:
    """Put what the rules of a place find into columns; what is wrong with the others."""
    found = [(rule, rule.path.find(top, here)) for rule in place.rules if rule.path is not None]
    found = [(rule, value) for rule, value in found if value is not MISSING]
    if not found:
        return []
    time = now
    if source.time is not None:
        stamp = source.time.path.find(top, here)
        if stamp is MISSING:
            raise Reject("no_time", f"nothing at {source.time.path.text!r}")
        time = mapping.instant(stamp, source.time.form, source.time.zone)
    wrong = []
    for rule, value in found:
        try:
            number = mapping.number(value, rule.values)
        except Reject as error:
            wrong.append(Reject(error.reason, f"{rule.source or 'payload'} = {error.detail}"))
        else:
            into.add(rule.point, rule.unit, time, number * rule.scale + rule.offset)
    return wrong
