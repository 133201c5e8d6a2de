"""A link that acknowledges one alarm from a phone, without signing in: signed, for one channel, for a week."""

from dataclasses import dataclass, field
from typing import NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from schema.errors import Reject
from schema.instant import DAY

VALID = 7 * DAY
PATH = "/a/"


class Pass(NamedTuple):
    """What a link stands for: the alarm, and the channel it was sent to."""

    alarm: int
    channel: str


@dataclass(frozen=True, slots=True)
class AckLinks:
    """Makes and reads the links of a platform; `base` is the address people reach it at, such as https://host."""

    secret: str = field(repr=False)
    base: str

    def url(self, alarm: int, channel: str, now: int) -> str:
        """The link for an alarm."""
        return self.base.rstrip("/") + PATH + self._signer().dumps([alarm, channel, (now + VALID) // 1_000_000])

    def read(self, token: str, now: int) -> Pass:
        """What a link stands for; Reject("bad_link") for a forged one, "old_link" for one whose time is over."""
        try:
            alarm, channel, ends = self._signer().loads(token)
        except (BadData, ValueError, TypeError) as error:
            raise Reject("bad_link", "no link of this platform") from error
        if now > ends * 1_000_000:
            raise Reject("old_link", "its time is over")
        return Pass(alarm, channel)

    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self.secret, salt="acknowledge")
