"""How the alarms of a site treat its operator, after ISA-18.2 and EEMUA 191."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from analytics.alarms import performance as figures
from api.context import Ctx
from api.moments import Span, iso, span
from api.places import SiteOf, zone_of
from api.routes.sites import Title
from schema.instant import DAY, SECOND
from store.registry.alarms import Alarm

router = APIRouter(tags=["alarms"])


class ActorOut(BaseModel):
    """A cause that was raised often, and the newest of its alarms."""

    alarm: int
    device: str
    rule: str
    title: Title
    raised: int


class FloodOut(BaseModel):
    """More than ten raised in ten minutes: from when to when, how many, and at most in ten minutes."""

    begin: str
    end: str
    raised: int
    peak: int


class PerformanceOut(BaseModel):
    """Figures for one operator position, with their targets; lists of alarms are ids.

    `top_share` is null where fewer than a hundred were raised. `answer` is the median time to acknowledge in s.
    """

    start: str
    end: str
    raised: int
    per_10_min: float
    per_10_min_target: float
    per_10_min_most: float
    peak_10_min: int
    flooded: float
    flooded_target: float
    floods: list[FloodOut]
    worst: list[ActorOut]
    top_share: float | None
    top_share_target: float
    priorities: dict[str, int]
    priorities_target: dict[str, float]
    answer: dict[str, float]
    flapping: list[int]
    standing: list[int]
    standing_target: int
    shelved: int
    suppressed: int
    out_of_service: int


@router.get("/sites/{site}/alarms/performance")
def get_performance(
    site: SiteOf,
    context: Ctx,
    start: Annotated[str | None, Query(alias="from", description="30 days ago when absent")] = None,
    end: Annotated[str | None, Query(alias="to", description="now when absent")] = None,
) -> PerformanceOut:
    """Alarms an operator and ten minutes, floods, the ten worst causes, standing alarms; what is open is as of now."""
    zone, now = zone_of(site), context.clock()
    within = span(start, end, zone, Span(now - 30 * DAY, now))
    with context.registry.reading() as session:
        found = figures.performance(session, site.id, within.start, within.end, now)
    return PerformanceOut(
        start=iso(found.start, zone),
        end=iso(found.end, zone),
        raised=found.raised,
        per_10_min=found.per_interval,
        per_10_min_target=figures.PER_INTERVAL,
        per_10_min_most=figures.MOST_PER_INTERVAL,
        peak_10_min=found.peak,
        flooded=found.flooded,
        flooded_target=figures.FLOODED,
        floods=[
            FloodOut(begin=iso(flood.begin, zone), end=iso(flood.end, zone), raised=flood.raised, peak=flood.peak)
            for flood in found.floods
        ],
        worst=[
            ActorOut(
                alarm=actor.alarm,
                device=actor.device,
                rule=actor.rule,
                title=Title(zh=actor.title.zh, en=actor.title.en),
                raised=actor.raised,
            )
            for actor in found.worst
        ],
        top_share=found.top_share,
        top_share_target=figures.TOP_SHARE,
        priorities=found.priorities,
        priorities_target=figures.PRIORITIES,
        answer={priority: wait / SECOND for priority, wait in found.answer.items()},
        flapping=_ids(found.flapping),
        standing=_ids(found.standing),
        standing_target=figures.MOST_STANDING,
        shelved=found.shelved,
        suppressed=found.suppressed,
        out_of_service=found.removed,
    )


def _ids(alarms: list[Alarm]) -> list[int]:
    return [alarm.id for alarm in alarms]
