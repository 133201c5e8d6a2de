"""Writing to InfluxDB 2.x and 3.x through the official client, with lines already made."""

from typing import Any

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from schema.errors import RetryLater
from store.series.influx_http import fault
from store.series.influx_settings import InfluxSettings

_PRECISION: Any = WritePrecision.US


class ClientWriter:
    """The WriteApi of one InfluxDB; thread-safe."""

    def __init__(self, settings: InfluxSettings, timeout: float = 30.0) -> None:
        self._settings = settings
        signed = (
            {"token": settings.token} if settings.token else {"username": settings.user, "password": settings.password}
        )
        self._client = InfluxDBClient(settings.address, org=settings.org, timeout=int(timeout * 1000), **signed)
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, body: bytes) -> None:
        """Store lines; Refused when lines were refused."""
        try:
            self._api.write(self._settings.bucket, record=body, write_precision=_PRECISION)
        except ApiException as error:
            after = error.headers.get("Retry-After") if error.headers else None
            message = str(error.body or error.reason)[:500]
            raise fault(error.status or 503, message, self._settings.address, after) from error
        except (HTTPError, OSError) as error:
            raise RetryLater(f"InfluxDB at {self._settings.address} cannot be reached: {error!r}") from error

    def close(self) -> None:
        """Release the connections."""
        self._api.close()  # type: ignore[no-untyped-call]
        self._client.close()  # type: ignore[no-untyped-call]
