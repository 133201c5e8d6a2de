"""Dead letters: what could not be accepted, and why."""

import base64
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import select

from api.auth import Operator
from api.context import Ctx
from api.limits import Number
from api.moments import UTC, iso
from api.places import zone_of
from store.registry.deadletters import DeadLetter, counts
from store.registry.places import sites

router = APIRouter(tags=["dead letters"])


class Letter(BaseModel):
    """A parked message or record; `payload` is cut at 16 KiB, `size` is what came. Times of unknown sites are UTC."""

    id: int
    received: str
    topic: str
    site: str
    device: str
    reason: str
    detail: str
    size: int
    encoding: Literal["text", "base64"]
    payload: str


class Shelf(BaseModel):
    """How many were ever parked, by reason, and the newest of those asked for."""

    counts: dict[str, int]
    letters: list[Letter]


@router.get("/dead-letters")
def list_dead_letters(
    context: Ctx,
    caller: Operator,
    reason: str | None = None,
    device: str | None = None,
    before: Annotated[Number | None, Query(description="id to go on from")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Shelf:
    """Parked messages, newest first, of one reason or device when given."""
    query = select(DeadLetter).order_by(DeadLetter.id.desc()).limit(limit)
    for column, wanted in ((DeadLetter.reason, reason), (DeadLetter.device, device), (DeadLetter.site, caller.site)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(DeadLetter.id < before)
    with context.registry.reading() as session:
        zones = {site.id: zone_of(site) for site in sites(session)}
        letters = [_letter(row, zones.get(row.site, UTC)) for row in session.scalars(query)]
        return Shelf(counts=counts(session), letters=letters)


def _letter(row: DeadLetter, zone: ZoneInfo) -> Letter:
    encoding, payload = _legible(row.payload)
    return Letter(
        id=row.id,
        received=iso(row.received, zone),
        topic=row.topic,
        site=row.site,
        device=row.device,
        reason=row.reason,
        detail=row.detail,
        size=row.size,
        encoding=encoding,
        payload=payload,
    )


def _legible(payload: bytes) -> tuple[Literal["text", "base64"], str]:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = "\0"
    if all(character.isprintable() or character in "\t\r\n" for character in text):
        return "text", text
    return "base64", base64.b64encode(payload).decode()
