"""What the simulated compound needs in the registry: site, targets, contract, limits, permits, a gate's token."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from access.credential import keyed_hash
from analytics.carriers import SEED
from dayuan.gate_keys import issue
from dayuan.parts import Parts
from edge.simulation.stories import demo_reporting
from edge.simulation.visitors import CARDS, GATE
from schema.instant import now
from store.registry.contracts import Contract, ContractMeter
from store.registry.goals import ColdLimit, Target, publish
from store.registry.passes import PermitRow
from store.registry.places import Site


def furnish(parts: Parts) -> None:
    """Make the demo site at the first start; one that is there stays as people have changed it."""
    simulation = parts.settings.simulation
    with parts.registry.writing() as session:
        publish(session, SEED)
        if session.get(Site, simulation.site) is not None:
            return
        session.add(
            Site(
                id=simulation.site,
                title_zh="示范大院（模拟数据）",
                title_en="Demo compound (simulated)",
                timezone=parts.settings.timezone,
                calendar="CN",
                area_m2=21_000,
                people=600,
            )
        )
        session.flush()
        today = datetime.now(ZoneInfo(parts.settings.timezone)).date()
        session.add_all(_targets(simulation.site, today))
        session.add(_contract(simulation.site, today, simulation.days))
        session.add(ColdLimit(site=simulation.site, device="cold-kitchen", low=0.0, high=8.0))
        session.add(ColdLimit(site=simulation.site, device="cold-store", low=None, high=-12.0))
        session.add_all(_permits(simulation.site, parts.pepper))


def gate_token(parts: Parts) -> str:
    """A new token for the simulated gate; that of the last start ends."""
    return issue(parts.registry, GATE.id, parts.settings.simulation.site)


def _targets(site: str, today: date) -> list[Target]:
    first = date(today.year - 1, 1, 1)

    def target(zh: str, en: str, carrier: str, basis: str, limit: float) -> Target:
        return Target(
            site=site,
            title_zh=zh,
            title_en=en,
            carrier=carrier,
            basis=basis,
            period="month",
            limit=limit,
            valid_from=first,
            valid_to=None,
        )

    return [
        target("月度用电总量", "Electricity in total", "electricity", "total", 59_000),
        target("单位面积电耗", "Electricity per m2", "electricity", "area", 2.9),
        target("月度用水总量", "Water in total", "water", "total", 1_200),
        target("月度燃气总量", "Gas in total", "gas", "total", 9_500),
    ]


def _contract(site: str, today: date, days: int) -> Contract:
    """What the simulated retrofit is for: savings counted from the day it works, against all of the history before."""
    start = today - timedelta(days=days)
    middle = demo_reporting(start, today)
    return Contract(
        site=site,
        title_zh="A 办公楼照明与空调改造",
        title_en="Office A lighting and cooling retrofit",
        client="示范机关事务管理局",
        esco="示范节能服务公司",
        weather="weather",
        baseline_start=start,
        baseline_end=middle,
        reporting_start=middle,
        reporting_end=None,
        price=Decimal("0.72"),
        share=Decimal("0.60"),
        meters=[ContractMeter(device="office-a-elec")],
    )


def _permits(site: str, pepper: bytes) -> list[PermitRow]:
    """One for every visitor's card; every tenth is revoked, so that the gate has somebody to refuse."""
    began = now()
    return [
        PermitRow(
            site=site,
            id=f"visitor-{number}",
            credential=keyed_hash(pepper, f"visitor-{number}"),
            subject="visitor",
            gates=[GATE.id],
            zones=[],
            valid_from=began,
            valid_to=None,
            schedule=None,
            max_uses=None,
            standing="revoked" if number % 10 == 9 else "active",
            uses=0,
            changed=began,
        )
        for number in range(CARDS)
    ]
