"""Overview: a site at one instant, gathered from the store and the registry."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from analytics import carriers
from analytics.books.consumption import consumption
from analytics.books.ledger import ceil
from analytics.calendar import Calendar
from analytics.live.board import (
    AlarmLine,
    Alarms,
    Canteen,
    CarrierBooks,
    ContractSavings,
    CurvePoint,
    DeviceHealth,
    Devices,
    Overview,
    PowerNow,
    PowerToday,
    SiteHeader,
    TargetTrack,
)
from analytics.live.power import power_now, power_today
from analytics.live.scene import Scene, health, unit_of
from analytics.people import daybook
from analytics.people.canteen import Cabinet, Service
from analytics.people.occupancy import Heads
from analytics.savings import boundary
from analytics.targets import Basis, Goal, track
from analytics.typical import WEEKS, Grid, Load, Profile, midnight
from devices import kinds
from devices.kind import Carrier
from schema.coefficient import Coefficient
from schema.errors import Reject
from schema.text import Text
from schema.trouble import saying
from store.registry.alarms import Alarm, open_alarms
from store.registry.base import Registry
from store.registry.contracts import Contract, contracts
from store.registry.goals import Target, factors, targets
from store.registry.places import Site, devices
from store.series.port import SeriesStore

CARRIERS: dict[Carrier, Text] = {
    "electricity": Text("用电", "Electricity"),
    "water": Text("用水", "Water"),
    "gas": Text("燃气", "Gas"),
    "heat": Text("热力", "Heat"),
}
PER: dict[str, tuple[Basis, str]] = {"total": ("total", ""), "area": ("area", "/m2"), "people": ("people", "/person")}


def overview(store: SeriesStore, registry: Registry, site: str, now: int) -> Overview:
    """All the live page shows of a site; Reject("unknown_site"), RetryLater while a store is away."""
    with registry.reading() as session:
        place = session.get(Site, site)
        if place is None:
            raise Reject("unknown_site", site)
        calendar = Calendar(place.timezone, place.calendar)
        today = calendar.local(now).date()
        known = [device for device in devices(session, site) if device.kind in kinds()]
        goals = targets(session, site, today)
        agreed = contracts(session, site)
        coefficients = factors(session)
        alarms = open_alarms(session, site)
        day = daybook.read(session, site, calendar, now)
    scene = Scene.of(store, place, known, calendar, now)
    load, profile = _load(scene, goals)
    tracks = [_target(scene, goal, load, profile) for goal in goals]
    return Overview(
        now=scene.iso(now),
        site=SiteHeader(
            id=place.id,
            title=Text(place.title_zh, place.title_en),
            timezone=place.timezone,
            area_m2=place.area_m2,
            people=place.people,
        ),
        power=power_now(scene),
        carriers=[_carrier(scene, carrier, load, coefficients, tracks) for carrier in CARRIERS if scene.mains(carrier)],
        power_today=power_today(scene, load, profile),
        heads=daybook.heads(store, known, day, calendar, now),
        canteen=daybook.canteen(store, known, scene.last, day, calendar, now),
        targets=tracks,
        contracts=_contracts(scene, agreed),
        alarms=_alarms(scene, alarms),
        devices=_health(scene),
    )


def _load(scene: Scene, goals: Sequence[Target]) -> tuple[Load, Profile]:
    """Every main meter's quarter hours: the running periods in full, and the 4 weeks before today."""
    spans = [scene.period(goal.period) for goal in goals]
    spans.append(scene.period("month"))
    first = min([scene.today - timedelta(weeks=WEEKS), *(start for start, _ in spans)])
    grid = Grid.of(first, max(end for _, end in spans), scene.calendar.zone)
    registers = [
        device.series(register)
        for carrier in CARRIERS
        for device in scene.mains(carrier)
        if (register := kinds()[device.kind].consumption)
    ]
    since = midnight(first, scene.calendar.zone)
    books = consumption(scene.store, registers, since, ceil(scene.now + 1), "15min", scene.calendar.zone)
    load = Load.of(books, grid)
    return load, Profile.of(load, scene.calendar.day_type, scene.today)


def _carrier(
    scene: Scene, carrier: Carrier, load: Load, coefficients: list[Coefficient], tracks: list[TargetTrack]
) -> CarrierBooks:
    mains = scene.mains(carrier)
    own = load.of_devices({device.id for device in mains})
    month, _ = scene.period("month")
    day = midnight(scene.today, scene.calendar.zone)
    before = midnight(scene.today - timedelta(days=1), scene.calendar.zone)
    used = own.total(midnight(month, scene.calendar.zone), scene.now)
    unit = unit_of(carrier)
    amounts = [carriers.Amount(carrier, unit, used.value, month)] if used.value is not None else []
    coal = carriers.convert(amounts, coefficients, "kgce", "equivalent")
    carbon = carriers.convert(amounts, coefficients, "kgco2", "location")
    return CarrierBooks(
        carrier=carrier,
        title=CARRIERS[carrier],
        unit=unit,
        today=own.total(day, scene.now).value,
        yesterday=own.total(before, min(before + scene.now - day, day)).value,
        month=used.value,
        kgce=coal.value if coal.factors else None,
        kgco2=carbon.value if carbon.factors else None,
        basis=_basis(coal, carbon),
        estimated_share=used.estimated_share,
        coverage=used.coverage,
        devices=[key.device for key, said in zip(own.keys, own.spoken(), strict=True) if said],
        target=next((one for one in tracks if one.carrier == carrier and one.basis == "total"), None),
    )


def _basis(coal: carriers.Converted, carbon: carriers.Converted) -> Text | None:
    if not coal.factors and not carbon.factors:
        return None
    zh = [f"{factor.value:g} {factor.unit}（{factor.source}）" for factor in (*coal.factors, *carbon.factors)]
    en = [f"{factor.value:g} {factor.unit} ({factor.source})" for factor in (*coal.factors, *carbon.factors)]
    if coal.outdated or carbon.outdated:
        zh.append("尚无更新的因子")
        en.append("no newer factor is published")
    return Text(f"当量值口径：{'；'.join(zh)}", f"Equivalent basis: {'; '.join(en)}")


def _target(scene: Scene, row: Target, load: Load, profile: Profile) -> TargetTrack:
    mains = {device.id for device in scene.mains(row.carrier)}
    meters = [position for position, key in enumerate(load.keys) if key.device in mains]
    start, end = scene.period(row.period)
    people = float(scene.site.people) if scene.site.people else None
    basis, per = PER[row.basis]
    divisor = {"total": 1.0, "area": scene.site.area_m2, "people": people}[basis]
    goal = Goal(limit=row.limit, start=start, end=end, basis=basis, divisor=divisor)
    found = track(goal, load.rows(meters), profile.rows(meters), scene.now)
    unit = unit_of(row.carrier)
    return TargetTrack(
        id=row.id,
        title=Text(row.title_zh, row.title_en),
        carrier=row.carrier,
        basis=basis,
        unit=f"{unit}{per}",
        start=scene.iso(midnight(start, scene.calendar.zone)),
        end=scene.iso(midnight(end, scene.calendar.zone)),
        **msgspec.structs.asdict(found),
    )


def _contracts(scene: Scene, agreed: list[Contract]) -> list[ContractSavings]:
    known = {device.id: device for device in scene.devices}
    return [boundary.so_far(scene.store, contract, known, scene.calendar, scene.now) for contract in agreed]


def _alarms(scene: Scene, found: list[Alarm]) -> Alarms:
    """Shelved alarms are somebody's decision: they wait without being counted."""
    shown = [alarm for alarm in found if not alarm.quiet(scene.now)]
    counts: dict[str, int] = {}
    for alarm in shown:
        counts[alarm.priority] = counts.get(alarm.priority, 0) + 1
    newest = [
        AlarmLine(
            id=alarm.id,
            priority=alarm.priority,
            state=alarm.phase,
            device=alarm.device,
            point=alarm.point,
            rule=alarm.rule,
            since=scene.iso(alarm.begin),
            text=alarm.title,
        )
        for alarm in shown[:5]
    ]
    return Alarms(open=counts, newest=newest)


def _health(scene: Scene) -> Devices:
    unhealthy = []
    for device in scene.devices:
        last = scene.heard(device)
        state = health(device, last, scene.now)
        if state == "online":
            continue
        unhealthy.append(
            DeviceHealth(
                id=device.id,
                title=Text(device.title_zh, device.title_en),
                kind=device.kind,
                building=device.building,
                state=state,
                last=None if last is None else scene.iso(last),
                trouble=saying(device.trouble) if device.trouble else None,
            )
        )
    states = Counter(device.state for device in unhealthy)
    return Devices(
        total=len(scene.devices),
        online=len(scene.devices) - len(unhealthy),
        troubled=states["troubled"],
        late=states["late"],
        offline=states["offline"],
        unhealthy=unhealthy,
    )


__all__ = [
    "AlarmLine",
    "Alarms",
    "Cabinet",
    "Canteen",
    "CarrierBooks",
    "ContractSavings",
    "CurvePoint",
    "DeviceHealth",
    "Devices",
    "Heads",
    "Overview",
    "PowerNow",
    "PowerToday",
    "Service",
    "SiteHeader",
    "TargetTrack",
    "overview",
]
