"""Where a client connects to, as whom, and what the broker's refusals mean."""

import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from schema.errors import DayuanError, RetryLater, Stop

_UNSUPPORTED_VERSION = {5: {0x84, 0x01}, 4: {0x01}}
_REFUSALS = {
    0x85: "client id refused: choose another",
    0x86: "user name or password wrong: correct them in the broker's url",
    0x87: "not authorised: let this user in at the broker",
    0x8A: "banned: let this client in at the broker",
    0x8C: "the broker wants another way to authenticate than user name and password",
    0x95: "the last will is too large for the broker",
    0x9A: "the broker keeps no retained messages: allow them",
    0x9B: "the broker does not know QoS 1: allow it",
    0x02: "client id refused: choose another",
    0x04: "user name or password wrong: correct them in the broker's url",
    0x05: "not authorised: let this user in at the broker",
}


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A broker's url, `mqtt://` or `mqtts://[user:password@]host[:port]`, and the terms of the session; times in s.

    `receive_maximum` messages or `receive_bytes` may wait unacknowledged; `send_maximum` publishes go unacknowledged.
    """

    url: str
    client_id: str
    clean_start: bool = False
    session_expiry: int = 7 * 86_400
    receive_maximum: int = 20_000
    receive_bytes: int = 64 << 20
    send_maximum: int = 1_000
    keepalive: int = 30
    version: int = 5
    ca_file: Path | None = None
    connect_timeout: float = 10.0
    longest_backoff: float = 30.0

    def address(self) -> tuple[str, int, ssl.SSLContext | None]:
        """Host, port and TLS context; Stop for a url that is none."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            # Without its words: where the host ends wrongly, what it takes for the port is a password.
            raise Stop("broker url: it should read mqtt://host:1883 or mqtts://host:8883") from None
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise Stop("broker url: it should read mqtt://host:1883 or mqtts://host:8883")
        if parts.scheme == "mqtt":
            return parts.hostname, port or 1883, None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise Stop(f"broker CA file {self.ca_file}: {error}; name a readable PEM file") from error
        return parts.hostname, port or 8883, context

    def credentials(self) -> tuple[str | None, str | None]:
        """User name and password of the url."""
        parts = urlsplit(self.url)
        return tuple(None if part is None else unquote(part) for part in (parts.username, parts.password))  # type: ignore[return-value]

    @property
    def session(self) -> int:
        """Seconds the broker keeps our session after a disconnect; 0 keeps none."""
        return 0 if self.clean_start else self.session_expiry

    @property
    def name(self) -> str:
        """The broker as it may stand in a log: without the password."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def refuses_version(version: int, code: int) -> bool:
    """Whether a CONNACK says that the broker does not know this version."""
    return code in _UNSUPPORTED_VERSION[version]


def refusal(link: Link, code: int, reason: str) -> DayuanError:
    """What a CONNACK with a code other than 0 means: Stop where a person has to act, else RetryLater."""
    if code in _REFUSALS:
        return Stop(f"broker {link.name}: {_REFUSALS[code]} {f'({reason})' if reason else ''}".rstrip())
    return RetryLater(f"broker {link.name}: refused with code 0x{code:02x} {reason}".rstrip())
