"""Where readings rest: one port, two adapters, chosen by an address."""

from urllib.parse import unquote

from schema.errors import Stop
from store.series.port import SeriesStore


def open_store(url: str) -> SeriesStore:
    """The store of `duckdb:///path`, `influxdb://...` (1.x), `influxdb2://...` or `influxdb3://...`; Stop otherwise."""
    scheme, _, rest = url.partition("://")
    # An adapter is imported when chosen, so that a process needs only the packages of its own store.
    if scheme == "duckdb" and rest.startswith("/") and len(rest) > 1:
        from store.series.duckdb import DuckStore  # noqa: PLC0415

        return DuckStore(unquote(rest[1:]))
    if scheme in {"influxdb", "influxdb2", "influxdb3"}:
        from store.series.influx import InfluxStore  # noqa: PLC0415
        from store.series.influx_settings import InfluxSettings  # noqa: PLC0415

        return InfluxStore(InfluxSettings.of(url))
    raise Stop(f"{scheme}://: the store is duckdb:///path, influxdb://, influxdb2:// or influxdb3://host:port/name")
