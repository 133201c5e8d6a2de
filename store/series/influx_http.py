"""HTTP to an InfluxDB: InfluxQL for every version, `/write` for 1.x; failures classed by what the caller must do."""

import httpx
import msgspec

from schema.errors import RetryLater, Stop
from store.series.influx_ql import Answer, Result, name
from store.series.influx_settings import InfluxSettings


class Refused(Exception):
    """The server refused some or all lines of a request (HTTP 400, 413 or 422); the message is the server's."""


def fault(status: int, message: str, address: str, after: str | None = None) -> Exception:
    """The error for an answer that is not a success."""
    if status in {401, 403}:
        return Stop(
            f"InfluxDB at {address} refuses the sign-in: check user, password or token and its rights; {message}"
        )
    if status == 404:
        return Stop(
            f"InfluxDB at {address}: {message}; create the database, bucket or DBRP mapping, or correct its name"
        )
    if status in {400, 413, 422}:
        return Refused(message)
    return RetryLater(
        f"InfluxDB at {address} answered {status}: {message}", float(after) if after and after.isdigit() else 1.0
    )


class Http:
    """Kept-alive connections to one InfluxDB; thread-safe."""

    def __init__(self, settings: InfluxSettings, timeout: float = 30.0) -> None:
        self._settings = settings
        headers = {"Authorization": f"Token {settings.token}"} if settings.token else {}
        auth = (settings.user, settings.password or "") if settings.user else None
        self._client = httpx.Client(
            base_url=settings.address, headers=headers, auth=auth, timeout=timeout, trust_env=False
        )
        self._decoder = msgspec.json.Decoder(Answer)

    def write(self, body: bytes) -> None:
        """Store lines through `/write`, creating the database when it is missing; Refused when lines were refused."""
        parameters = {"db": self._settings.database, "precision": "u"}
        if self._settings.retention:
            parameters["rp"] = self._settings.retention
        answer = self._post("/write", parameters, content=body)
        if answer.status_code == 404 and "database not found" in answer.text:
            self.query(f"CREATE DATABASE {name(self._settings.database)}")
            answer = self._post("/write", parameters, content=body)
        self._check(answer)

    def query(self, *statements: str) -> list[Result]:
        """The answers to InfluxQL statements, times in us; a database that does not exist yet answers nothing."""
        parameters = {"db": self._settings.database, "epoch": "u"}
        if self._settings.retention:
            parameters["rp"] = self._settings.retention
        answer = self._post("/query", parameters, data={"q": ";".join(statements)})
        self._check(answer)
        decoded = self._decoder.decode(answer.content)
        error = decoded.error or next((result.error for result in decoded.results if result.error), None)
        if error is None:
            return decoded.results
        if len(statements) > 1:
            # Asked together, InfluxDB 1.6 hides the reason behind "not executed".
            return [result for statement in statements for result in self.query(statement)]
        if self._settings.version == 1 and error.startswith("database not found"):
            return [Result()]
        if "timeout" in error or "max-" in error:
            raise RetryLater(f"InfluxDB at {self._settings.address}: {error}", 5.0)
        raise Stop(f"InfluxDB at {self._settings.address} cannot answer: {error}; check the database and its rights")

    def fields(self, kind: str | None = None) -> list[tuple[str, str]]:
        """(measurement, field) of every float field, of one measurement or of all."""
        (result,) = self.query(f"SHOW FIELD KEYS FROM {name(kind)}" if kind else "SHOW FIELD KEYS")
        tables = [table for table in result.series if table.columns == ["fieldKey", "fieldType"]]
        return [(table.name, str(field)) for table in tables for field, sort in table.values if sort == "float"]

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def _post(
        self, path: str, parameters: dict[str, str], *, content: bytes | None = None, data: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return self._client.post(path, params=parameters, content=content, data=data)
        except httpx.TransportError as error:
            raise RetryLater(f"InfluxDB at {self._settings.address} cannot be reached: {error!r}") from error

    def _check(self, answer: httpx.Response) -> None:
        if not answer.is_success:
            after = answer.headers.get("Retry-After")
            raise fault(answer.status_code, answer.text.strip()[:500], self._settings.address, after)
