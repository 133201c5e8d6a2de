"""A Sparkplug edge node for tests: it says what the standard has it say, and can be made to lose messages."""

from collections.abc import Mapping

from bus.sparkplug import DataType, Metric, Payload, encode

Message = tuple[str, bytes]


class EdgeNode:
    """One edge node with one device of double metrics, told by alias after the birth; time runs in ms."""

    def __init__(
        self, metrics: Mapping[str, str | None], *, group: str = "PLANT", edge: str = "GW", device: str = "Meter 1",
        time: int = 1_790_000_000_000, aliases: bool = True,
    ) -> None:  # fmt: skip
        self.metrics = dict(metrics)
        self.aliases = {name: at for at, name in enumerate(metrics, 10)}
        self.by_alias = aliases
        self.place = (group, edge, device)
        self.time = time
        self.bdseq = 0
        self.seq = 0

    def topic(self, kind: str) -> str:
        group, edge, device = self.place
        return "/".join(["spBv1.0", group, kind, edge, *([device] if kind.startswith("D") else [])])

    def births(self, **values: float) -> list[Message]:
        """NBIRTH and DBIRTH."""
        self.seq = 0
        self.time += 1000
        bdseq = Metric(name="bdSeq", timestamp=self.time, datatype=DataType.INT64, value=self.bdseq)
        rebirth = Metric(name="Node Control/Rebirth", timestamp=self.time, datatype=DataType.BOOLEAN, value=False)
        return [self._message("NBIRTH", [bdseq, rebirth]), self.device_birth(**values)]

    def device_birth(self, **values: float) -> Message:
        """DBIRTH; a metric without a value is null."""
        told = []
        for name, unit in self.metrics.items():
            value = values.get(name)
            alias = self.aliases[name] if self.by_alias else None
            told.append(
                Metric(name=name, alias=alias, timestamp=self.time, datatype=DataType.DOUBLE, null=value is None,
                       value=value, variant=0 if value is None else 13, unit=unit)
            )  # fmt: skip
        return self._message("DBIRTH", told)

    def data(self, *, historical: bool = False, **values: float) -> Message:
        """DDATA."""
        self.time += 1000
        told = [
            Metric(name=None if self.by_alias else name, alias=self.aliases[name] if self.by_alias else None,
                   timestamp=self.time, datatype=None if self.by_alias else DataType.DOUBLE,
                   historical=historical, value=value, variant=13)
            for name, value in values.items()
        ]  # fmt: skip
        return self._message("DDATA", told)

    def device_death(self) -> Message:
        """DDEATH."""
        self.time += 1000
        return self._message("DDEATH", [])

    def death(self) -> Message:
        """NDEATH, as the last will the session began with."""
        bdseq = Metric(name="bdSeq", datatype=DataType.INT64, value=self.bdseq)
        return self.topic("NDEATH"), encode(Payload(timestamp=self.time, metrics=[bdseq]))

    def _message(self, kind: str, metrics: list[Metric]) -> Message:
        message = self.topic(kind), encode(Payload(timestamp=self.time, seq=self.seq, metrics=metrics))
        self.seq = (self.seq + 1) % 256
        return message
