"""Streams: what is proved to be complete of what agents recorded, and what is missing."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.context import Ctx
from api.moments import iso
from api.places import SiteOf, zone_of
from store.registry import streams

router = APIRouter(tags=["streams"])


class StreamOut(BaseModel):
    """One life of an agent's outbox, its messages numbered from 1; `whole` when all up to `top` are proved to be here.

    `missing` numbers, [first, last], are still awaited, or gone where the stream `ended` because a newer one began;
    `lost` were given up by the agent before they came. `gone` counts what will never come, as far as is known: what an
    ended stream held beyond `top` is not known.
    """

    agent: str
    epoch: str
    whole: bool
    ended: bool
    top: int
    missing: list[tuple[int, int]]
    lost: int
    gone: int
    last_heard: str


@router.get("/sites/{site}/streams")
def list_streams(site: SiteOf, context: Ctx, device: str | None = None) -> list[StreamOut]:
    """The streams of a site, or those of the agent that speaks for a device: its stream is whole, so is the device."""
    with context.registry.reading() as session:
        found = streams.streams(session, site.id, device)
    return [
        StreamOut(
            agent=each.agent,
            epoch=each.epoch,
            whole=each.whole,
            ended=each.ended,
            top=each.top,
            missing=list(each.missing),
            lost=each.lost,
            gone=each.gone,
            last_heard=iso(each.seen, zone_of(site)),
        )
        for each in found
    ]
