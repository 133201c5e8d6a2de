"""Where an InfluxDB is and how to sign in, from one address; secrets come from named environment variables."""

import os
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from schema.errors import Stop

CONNECTIONS = 4
"""Requests that one process has under way at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxSettings:
    """An InfluxDB of major `version`, its `address` (http://host:port) and its database.

    2.x is written by `org` and `bucket`, and read by the `database` and `retention` of its DBRP mapping.
    """

    version: Literal[1, 2, 3] = 1
    address: str
    database: str
    bucket: str = ""
    retention: str | None = None
    org: str = "-"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """The settings of `influxdb|influxdb2|influxdb3://[user[:password]@]host:port/database-or-bucket?...`.

        Options: tls=1, token_env, password_env (names of environment variables), org, and for 2.x the mapping db, rp.
        """
        parts = urlsplit(url)
        version = _VERSIONS.get(parts.scheme)
        name = unquote(parts.path.strip("/"))
        if version is None or not parts.hostname or not name:
            raise Stop(
                f"{parts.scheme}://...: write the store as influxdb://host:8086/database (or influxdb2, influxdb3)"
            )
        options = {option: values[-1] for option, values in parse_qs(parts.query).items()}
        if unknown := options.keys() - _OPTIONS:
            raise Stop(
                f"unknown option {', '.join(sorted(unknown))} of the store; known: {', '.join(sorted(_OPTIONS))}"
            )
        scheme = "https" if options.get("tls") == "1" else "http"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        written = unquote(parts.password) if parts.password else None
        return cls(
            version=version,
            address=f"{scheme}://{host}:{parts.port or _PORTS[version]}",
            database=options.get("db", name),
            bucket=name,
            retention=options.get("rp"),
            org=options.get("org", "-"),
            user=unquote(parts.username) if parts.username else None,
            password=_secret(options.get("password_env")) or written,
            token=_secret(options.get("token_env")),
        )


_VERSIONS: dict[str, Literal[1, 2, 3]] = {"influxdb": 1, "influxdb2": 2, "influxdb3": 3}
_PORTS = {1: 8086, 2: 8086, 3: 8181}
_OPTIONS = {"tls", "token_env", "password_env", "org", "db", "rp"}


def _secret(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise Stop(f"the store wants its secret in the environment variable {variable}: set it")
    return os.environ[variable]
