"""What the metrics of one Sparkplug message come to."""

from bus import sparkplug
from bus.senml import LATEST, RELATIVE
from bus.sparkplug import Metric
from bus.topics import Topic
from ingest.dialects import Columns, Fault, Heard, Told
from ingest.sparkplug_catalog import Found
from schema.errors import Reject


class Readings:
    """What the metrics of one message come to, historical ones apart."""

    def __init__(self, timestamp: int | None) -> None:
        self._timestamp = timestamp
        self._columns: dict[tuple[Topic, bool], Columns] = {}
        self.wrong: list[Reject] = []

    def add(self, found: Found | None, metric: Metric, datatype: int | None) -> None:
        """Put in one metric, where it has a place; a transient one is not to be stored."""
        if found is None or metric.transient:
            return
        try:
            value = sparkplug.number(metric, datatype)
            stamp = self._timestamp if metric.timestamp is None else metric.timestamp
        except Reject as error:
            self.wrong.append(Reject(error.reason, f"{found.metric}: {error.detail}"))
            return
        if stamp is None or not RELATIVE <= stamp * 1000 < LATEST:
            self.wrong.append(Reject("bad_time", f"{found.metric} at {stamp} ms"))
        elif value is not None:
            into = self._columns.setdefault((found.topic, metric.historical), Columns())
            into.add(found.point, found.unit, stamp * 1000, value * found.scale + found.offset)

    def to(self, heard: Heard, payload: bytes) -> None:
        """Tell it all; what was wrong is one fault."""
        rank = min(1000 * (self._timestamp or 0), LATEST)
        heard.told.extend(Told(topic, held.pack(), old, rank) for (topic, old), held in self._columns.items())
        if self.wrong:
            detail = "; ".join(error.detail for error in self.wrong)
            heard.faults.append(Fault(self.wrong[0].reason, detail[:500], payload))
