"""JSON messages beside the readings: births and deaths, events, and the platform's acknowledgement."""

from typing import Annotated, Any, TypeVar

import msgspec

from bus.payload import Rejected, check_size, few, position
from schema.errors import Reject
from schema.event import Event
from schema.stream import Acknowledged, Position
from schema.text import Text

_Words = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$")]


_Id = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]


class Trouble(msgspec.Struct, frozen=True):
    """Why a device cannot be read, or is not believed: a code of schema.trouble, and what exactly happened."""

    reason: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,32}$")]
    detail: _Words = ""


class Configured(msgspec.Struct, frozen=True):
    """An agent's answer to `command`: `refused` says why its configuration stayed as it was, empty when it took it."""

    command: _Id
    refused: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent is to do: work by the `configuration`, a TOML text, unless it is later than `expires`."""

    id: _Id
    expires: int
    configuration: str


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """A device is there: what people call it, its seconds between readings, the meter it is a sub-meter of.

    `replay` marks one whose readings are history sent again; `width` is the value its consumption register rolls over
    at, where it is not the kind's (transformers multiply it). `trouble` is why it cannot be read at present.
    An agent's own says what it `configured` last.
    """

    title: Text
    interval: float
    parent: str | None = None
    replay: bool = False
    width: float | None = None
    trouble: Trouble | None = None
    configured: Configured | None = None
    position: Position | None = None


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """A device is gone; without a position it is a last will, spoken by the broker."""

    position: Position | None = None


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one device, those that could not be read kept apart."""

    events: tuple[Event, ...]
    position: Position | None = None
    rejects: tuple[Rejected, ...] = ()


class _Placed(msgspec.Struct, kw_only=True, omit_defaults=True):
    agent: Any = None
    epoch: Any = None
    seq: Any = None
    floor: Any = None


class _Title(msgspec.Struct):
    zh: _Words
    en: _Words


class _Online(_Placed, kw_only=True, tag_field="state", tag="online"):
    title: _Title
    interval: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    parent: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")] | None = None
    replay: bool = False
    width: Annotated[float, msgspec.Meta(gt=0)] | None = None
    trouble: Trouble | None = None
    configured: Configured | None = None


class _Offline(_Placed, kw_only=True, tag_field="state", tag="offline"):
    pass


class _Events(_Placed, kw_only=True):
    events: list[msgspec.Raw]


_state = msgspec.json.Decoder(_Online | _Offline)
_events = msgspec.json.Decoder(_Events)
_event = msgspec.json.Decoder(Event)
_command = msgspec.json.Decoder(Command)
_acknowledged = msgspec.json.Decoder(Acknowledged)
_encoder = msgspec.json.Encoder()


def encode_state(state: Birth | Death) -> bytes:
    """The payload of a birth or a death."""
    if isinstance(state, Birth):
        title = _Title(state.title.zh, state.title.en)
        body: _Placed = _Online(
            title=title,
            interval=state.interval,
            parent=state.parent,
            replay=state.replay,
            width=state.width,
            trouble=state.trouble,
            configured=state.configured,
        )
    else:
        body = _Offline()
    return _encode(body, state.position)


def decode_state(payload: bytes) -> Birth | Death:
    """A birth or a death; Reject("too_large" or "undecodable")."""
    body = _decode(_state, payload)
    where = position(body.agent, body.epoch, body.seq, body.floor)
    if isinstance(body, _Offline):
        return Death(position=where)
    title = Text(body.title.zh, body.title.en)
    return Birth(
        title=title,
        interval=body.interval,
        parent=body.parent,
        replay=body.replay,
        width=body.width,
        trouble=body.trouble,
        configured=body.configured,
        position=where,
    )


def encode_events(events: Events) -> bytes:
    """The payload of events; what was rejected is not sent on."""
    return _encode(_Events(events=[msgspec.Raw(_encoder.encode(event)) for event in events.events]), events.position)


def decode_events(payload: bytes) -> Events:
    """Every event that can be read; Reject("too_large" or "undecodable") where none can be told."""
    body = _decode(_events, payload)
    good: list[Event] = []
    rejects = []
    for index, raw in enumerate(body.events):
        try:
            event = _event.decode(raw)
            if not event.id or not event.id.isprintable():
                raise msgspec.ValidationError("no usable id")
            good.append(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejects.append(Rejected(index, "bad_event", str(error), b'{"events":[' + bytes(raw) + b"]}"))
    where = position(body.agent, body.epoch, body.seq, body.floor)
    return Events(events=tuple(good), position=where, rejects=tuple(few(rejects, payload)))


def encode_command(command: Command) -> bytes:
    """The payload of a command."""
    return _encoder.encode(command)


def decode_command(payload: bytes) -> Command:
    """A command; Reject("too_large" or "undecodable")."""
    return _decode(_command, payload)


def encode_ack(acknowledged: Acknowledged) -> bytes:
    """The payload of an end-to-end acknowledgement."""
    return _encoder.encode(acknowledged)


def decode_ack(payload: bytes) -> Acknowledged:
    """An end-to-end acknowledgement; Reject("too_large" or "undecodable")."""
    return _decode(_acknowledged, payload)


def _encode(body: _Placed, where: Position | None) -> bytes:
    if where is not None:
        body.agent, body.epoch, body.seq, body.floor = msgspec.structs.astuple(where)
    return _encoder.encode(body)


_T = TypeVar("_T")


def _decode(decoder: msgspec.json.Decoder[_T], payload: bytes) -> _T:
    check_size(payload)
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject("undecodable", str(error)) from error
