"""Dead letters: what could not be accepted, and why; tried again after a fix, or discarded."""

import base64
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api import letters
from api.auth import Operator
from api.context import Ctx
from api.limits import Number
from api.moments import UTC, instant, iso
from api.places import zone_of
from api.problems import not_found
from store.registry.deadletters import DeadLetter, Search, by_reason, counts, found, outcome
from store.registry.places import Site, sites

router = APIRouter(tags=["dead letters"])


class Letter(BaseModel):
    """A parked message or record; `payload` is cut at 16 KiB, `size` is what came. Times of unknown sites are UTC.

    `asked` is since when it waits for ingest to take it in again, `tried` how often that was in vain.
    """

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
    asked: str | None
    tried: int


class Shelf(BaseModel):
    """How many were ever parked, by reason, and the newest of those asked for.

    To a caller of one site `counts` tells of what its shelf holds: what was ever parked is not counted by site.
    """

    counts: dict[str, int]
    letters: list[Letter]


class Chosen(BaseModel):
    """Letters by their ids."""

    ids: list[Number] = Field(min_length=1, max_length=letters.MOST_AT_ONCE)


class Asked(BaseModel):
    """The letters that wait for ingest now; those that are cut, or no longer there, cannot be taken in again."""

    asked: list[int]


class Outcome(BaseModel):
    """Of letters that were asked for: how many wait, were refused again, are taken in (or discarded)."""

    waiting: int
    refused: int
    gone: int


class Discarded(BaseModel):
    """How many letters were taken off the shelf."""

    discarded: int


@router.get("/dead-letters")
def list_dead_letters(
    context: Ctx,
    caller: Operator,
    site: str | None = None,
    device: str | None = None,
    reason: str | None = None,
    text: Annotated[str | None, Query(max_length=200, description="words in topic or detail")] = None,
    start: Annotated[str | None, Query(alias="from", description="received, ISO 8601; UTC without an offset")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
    before: Annotated[Number | None, Query(description="id to go on from")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Shelf:
    """Parked messages, newest first, of a site, device, reason, words and time when given."""
    search = Search(
        caller.site or site,
        device,
        reason,
        text,
        None if start is None else instant(start, UTC, "from"),
        None if end is None else instant(end, UTC, "to"),
    )
    if site is not None and not caller.sees(site):
        raise not_found(f"no site {site!r}")
    with context.registry.reading() as session:
        zones = {each.id: zone_of(each) for each in sites(session)}
        rows = found(session, search, before=before, limit=limit)
        known = counts(session) if caller.site is None else by_reason(session, Search(site=caller.site))
        return Shelf(counts=known, letters=[_letter(row, zones.get(row.site, UTC)) for row in rows])


@router.get("/dead-letters/{letter}")
def get_dead_letter(letter: Annotated[Number, Path()], context: Ctx, caller: Operator) -> Letter:
    """One letter."""
    with context.registry.reading() as session:
        row = session.get(DeadLetter, letter)
        if row is None or not caller.sees(row.site):
            raise not_found(f"no dead letter {letter}")
        site = session.get(Site, row.site)
        return _letter(row, zone_of(site) if site else UTC)


@router.post("/dead-letters/replay")
def replay(body: Chosen, context: Ctx, caller: Operator) -> Asked:
    """Have ingest take letters in again; ask for the outcome in a few seconds."""
    with context.registry.writing() as session:
        return Asked(asked=letters.replay(session, caller, body.ids, context.clock()))


@router.post("/dead-letters/outcome")
def get_outcome(body: Chosen, context: Ctx, caller: Operator) -> Outcome:
    """What became of letters that were asked for; one refused again says why in its own `reason`."""
    with context.registry.reading() as session:
        left = outcome(session, letters.own(session, caller, body.ids))
    gone = len(set(body.ids)) - left.waiting - left.refused
    return Outcome(waiting=left.waiting, refused=left.refused, gone=gone)


@router.post("/dead-letters/discard")
def discard_letters(body: Chosen, context: Ctx, caller: Operator) -> Discarded:
    """Take letters off the shelf for good."""
    with context.registry.writing() as session:
        return Discarded(discarded=letters.discard(session, caller, body.ids, context.clock()))


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
        asked=None if row.asked is None else iso(row.asked, zone),
        tried=row.tried,
    )


def _legible(payload: bytes) -> tuple[Literal["text", "base64"], str]:
    text = letters.legible(payload)
    return ("base64", base64.b64encode(payload).decode()) if text is None else ("text", text)
