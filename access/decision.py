"""The decision at a gate: pure, the same online (API) and offline (gate agent).

Life safety comes first: who wants out gets out, whatever the reason says; the reason is recorded all the same.
"""

from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from access.permit import Permit
from schema.instant import HOUR, to_datetime
from schema.text import Text

Direction = Literal["in", "out"]
Reason = Literal[
    "ok",
    "unknown",
    "blacklist",
    "revoked",
    "not_yet",
    "expired",
    "wrong_zone",
    "out_of_schedule",
    "already_used",
    "anti_passback",
    "capacity",
    "no_response",
]
TITLES: dict[Reason, Text] = {
    "ok": Text("允许通行", "May pass"),
    "unknown": Text("凭证未登记", "Credential not known"),
    "blacklist": Text("黑名单", "On the block list"),
    "revoked": Text("通行证已撤销", "Permit revoked"),
    "not_yet": Text("通行证尚未生效", "Permit not valid yet"),
    "expired": Text("通行证已过期", "Permit expired"),
    "wrong_zone": Text("无此区域权限", "Not permitted here"),
    "out_of_schedule": Text("不在允许时段", "Outside the permitted hours"),
    "already_used": Text("通行次数已用完", "All uses are spent"),
    "anti_passback": Text("进出记录不符（防尾随）", "Came in without leaving, or left without coming in"),
    "capacity": Text("人数已满", "The zone is full"),
    "no_response": Text("平台无响应且无本地名单", "No answer from the platform and no local list"),
}


class Request(NamedTuple):
    """A credential shown at a gate, to go in or out."""

    gate: str
    direction: Direction


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of the zone behind a gate, and anti-passback that forgets after `reset` microseconds."""

    id: str
    timezone: str = "Asia/Shanghai"
    anti_passback: Literal["off", "soft", "hard"] = "off"
    reset: int = 12 * HOUR
    capacity: int | None = None

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"zone {self.id!r}: no time zone {self.timezone!r}; try 'Asia/Shanghai'") from error


class Presence(NamedTuple):
    """What is known of the holder and the zone; None is "not known", and nobody is refused for what is not known.

    `since` is the instant of the holder's last passage, `uses` the entries made on the permit.
    """

    inside: bool | None = None
    since: int = 0
    uses: int = 0
    occupancy: int | None = None


class Decision(NamedTuple):
    """Whether to open, and why; opening with a reason other than "ok" is worth a look by the duty room."""

    granted: bool
    reason: Reason

    @property
    def title(self) -> Text:
        """The reason in words."""
        return TITLES[self.reason]


def decide(request: Request, permit: Permit | None, zone: Zone, presence: Presence, now: int) -> Decision:
    """Judge a request at instant `now`; the first objection is the one given, in the order of `Reason`.

    Only soft anti-passback comes last: letting someone pass on it must not hide that the zone is full.
    """
    reason = _objection(request, permit, zone, presence, now)
    soft = reason == "anti_passback" and zone.anti_passback == "soft"
    return Decision(request.direction == "out" or reason == "ok" or soft, reason)


def _objection(request: Request, permit: Permit | None, zone: Zone, presence: Presence, now: int) -> Reason:
    if permit is None:
        return "unknown"
    return (
        _standing(permit, now)
        or _place(request, permit, zone)
        or _hours(permit, zone, now)
        or _passage(request, permit, zone, presence, now)
        or "ok"
    )


def _standing(permit: Permit, now: int) -> Reason | None:
    if permit.standing != "active":
        return permit.standing
    if now < permit.valid_from:
        return "not_yet"
    return "expired" if permit.valid_to is not None and now >= permit.valid_to else None


def _place(request: Request, permit: Permit, zone: Zone) -> Reason | None:
    return None if request.gate in permit.gates or zone.id in permit.zones else "wrong_zone"


def _hours(permit: Permit, zone: Zone, now: int) -> Reason | None:
    if permit.schedule is None:
        return None
    local = to_datetime(now).astimezone(ZoneInfo(zone.timezone))
    return None if any(hours.cover(local) for hours in permit.schedule) else "out_of_schedule"


def _passage(request: Request, permit: Permit, zone: Zone, presence: Presence, now: int) -> Reason | None:
    entering = request.direction == "in"
    if entering and permit.max_uses is not None and presence.uses >= permit.max_uses:
        return "already_used"
    known = presence.inside is not None and 0 <= now - presence.since < zone.reset
    if zone.anti_passback == "hard" and known and presence.inside == entering:
        return "anti_passback"
    full = zone.capacity is not None and presence.occupancy is not None and presence.occupancy >= zone.capacity
    if entering and full:
        return "capacity"
    return "anti_passback" if zone.anti_passback == "soft" and known and presence.inside == entering else None
