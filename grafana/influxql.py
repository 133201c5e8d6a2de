"""The InfluxQL query model of a Grafana panel, which the foundation SDK does not have."""

from typing import Self

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

DATASOURCE = DataSourceRef(type_val="influxdb", uid="dayuan-readings")


class InfluxQL(Dataquery):
    """A raw InfluxQL query; `alias` names its lines, `$tag_device` in it stands for a tag."""

    def __init__(self, query: str, alias: str = "") -> None:
        self.query = query
        self.alias = alias
        self.ref_id = "A"

    def to_json(self) -> dict[str, object]:
        """The query as Grafana stores it."""
        return {
            "datasource": {"type": DATASOURCE.type_val, "uid": DATASOURCE.uid},
            "refId": self.ref_id,
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "time_series",
            "alias": self.alias,
        }


class Query(Builder[Dataquery]):
    """Builds an InfluxQL query for a panel."""

    def __init__(self, query: str) -> None:
        self._query = InfluxQL(query)

    def alias(self, alias: str) -> Self:
        """Name the lines."""
        self._query.alias = alias
        return self

    def build(self) -> Dataquery:
        """The query."""
        return self._query
