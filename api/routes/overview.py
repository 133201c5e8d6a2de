"""A site at one instant, and its parts: targets, contracts, canteen, people inside."""

from decimal import Decimal
from typing import Any

import msgspec
from fastapi import APIRouter

from analytics.live.overview import Overview, overview
from api.context import Context, Ctx
from api.places import SiteOf
from schema.text import Text
from store.registry.places import Site

router = APIRouter(tags=["overview"])


def plain(value: object) -> Any:
    """A value of the analytics as JSON: structs and texts as objects, money as text, so that it stays exact."""
    match value:
        case msgspec.Struct():
            return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        case Text():
            return value._asdict()
        case Decimal():
            return str(value)
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    return value


@router.get("/sites/{site}/overview")
def get_overview(site: SiteOf, context: Ctx) -> dict[str, Any]:
    """All that the live page shows, as analytics.live.board.Overview; null is "not known", never zero."""
    found: dict[str, Any] = plain(_now(context, site))
    return found


@router.get("/sites/{site}/targets")
def get_targets(site: SiteOf, context: Ctx) -> list[dict[str, Any]]:
    """Targets with used, allowed to date, limit and forecast."""
    return [plain(each) for each in _now(context, site).targets]


@router.get("/sites/{site}/contracts")
def get_contracts(site: SiteOf, context: Ctx) -> list[dict[str, Any]]:
    """Contracts with their savings so far; preliminary, nobody signed them."""
    return [plain(each) for each in _now(context, site).contracts]


@router.get("/sites/{site}/canteen")
def get_canteen(site: SiteOf, context: Ctx) -> dict[str, Any]:
    """Today's meals, plate waste and cold chain, and tomorrow's lunches."""
    found: dict[str, Any] = plain(_now(context, site).canteen)
    return found


@router.get("/sites/{site}/occupancy")
def get_occupancy(site: SiteOf, context: Ctx) -> dict[str, Any]:
    """People inside since the nightly reset, and why that may be off."""
    found: dict[str, Any] = plain(_now(context, site).heads)
    return found


def _now(context: Context, site: Site) -> Overview:
    return overview(context.store, context.registry, site.id, context.clock())
