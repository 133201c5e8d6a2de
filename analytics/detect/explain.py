"""What a finding says: where, what, since when, the band, what was seen, the likely cause, and what an hour costs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from analytics.carriers import factor_on
from analytics.detect.core import Context, Rule, in_words, is_interval, point_of
from devices import kinds
from schema.finding import Cause, Evidence, Finding, Severity
from schema.instant import HOUR, MINUTE
from schema.series import INTERVAL_SUFFIX, SeriesKey
from schema.text import Text

INTERVALS = HOUR // (15 * MINUTE)

CAUSES: dict[Cause, Text] = {
    "left_on": Text("设备未关", "something left on"),
    "changed_use": Text("用途或运行时间改变", "a change of use or of its hours"),
    "leak": Text("漏水", "a leak"),
    "meter": Text("表计或采集通道故障", "the meter or its channel"),
    "sensor": Text("传感器故障", "the sensor"),
    "wiring": Text("接线、互感器或倍率错误", "wiring, a transformer or its ratio"),
    "supply": Text("供电", "the supply"),
    "cooling": Text("制冷故障或柜门未关", "the cooling, or an open door"),
    "setting": Text("温度设定", "the setting"),
    "network": Text("供电、通信线路或网关", "its supply, its line or its gateway"),
    "unknown": Text("未知", "not known"),
}


class Level(NamedTuple):
    """What was seen and what was expected, in the unit of the series, with the band that was allowed."""

    observed: float
    expected: float
    low: float
    high: float


class Said(NamedTuple):
    """What is wrong, as the middle of a sentence (`since` is filled in), or that it is over, as its end."""

    what: Text
    over: Text


def what_of(key: SeriesKey) -> Text:
    """What a series measures, in words."""
    if is_interval(key):
        return Text("用量", "consumption")
    point = point_of(key.kind, key.point)
    return point.title if point else Text(key.point, key.point)


def explain(
    rule: Rule,
    key: SeriesKey,
    context: Context,
    time: tuple[int, int],
    level: Level,
    said: Said,
    *,
    active: bool,
    cause: Cause,
    severity: Severity = "warning",
    confidence: float = 0.9,
    with_: Sequence[SeriesKey] = (),
    excess: float | None = None,
) -> Finding:
    """A finding of [begin, end] that explains itself; `with_` are further series that say so.

    `excess` is what is used beyond the expected, in the unit of the series, if it is not the difference of the levels;
    never less than nothing.
    """
    begin, end = time
    point = point_of(key.kind, key.point)
    beyond = level.observed - level.expected if excess is None else excess
    kwh, yuan, kgco2 = _cost(key, context, max(beyond, 0.0), end) if active else (0.0, None, None)
    where = context.where(key)
    if active:
        since, sure = context.when(key, begin), round(100 * confidence)
        seen, due, low, high = (in_words(key, value) for value in level)
        why = CAUSES[cause]
        zh, en = _cost_in_words(kwh, yuan, kgco2)
        reason = Text(
            f"{where.zh}：自{since}起{said.what.zh}，实测{seen}，预期{due}（{low}～{high}）；"
            f"可能原因：{why.zh}，把握{sure}%{zh}",
            f"{where.en}: {said.what.en} since {since}: {seen}, expected {due} ({low} to {high}); "
            f"likely {why.en}, {sure} % sure{en}",
        )
    else:
        reason = Text(f"{where.zh}：{said.over.zh}", f"{where.en}: {said.over.en}")
    return Finding(
        series=key,
        rule=rule.name,
        begin=begin,
        end=end,
        observed=level.observed,
        expected=level.expected,
        low=level.low,
        high=level.high,
        unit=point.unit if point else "",
        severity=severity,
        confidence=confidence,
        reason=reason,
        active=active,
        cause=cause,
        evidence=tuple(Evidence(series, begin, end) for series in (key, *with_)),
        cost_kwh_per_hour=kwh,
        cost_yuan_per_hour=yuan,
        cost_kgco2_per_hour=kgco2,
    )


def _cost(key: SeriesKey, context: Context, beyond: float, time: int) -> tuple[float, Decimal | None, float | None]:
    """kWh, yuan and kgCO2 an hour of so much more of what a meter books."""
    kind = kinds().get(key.kind.removesuffix(INTERVAL_SUFFIX))
    point = point_of(key.kind, key.point)
    if kind is None or point is None or kind.carrier is None or not beyond:
        return 0.0, None, None
    booked = kind.consumption == key.point and is_interval(key)
    if not booked and point.unit not in {"kW", "m3/h"}:
        return 0.0, None, None
    amount = beyond * INTERVALS if is_interval(key) else beyond
    unit = {"kW": "kWh", "m3/h": "m3"}.get(point.unit, point.unit)
    day = context.calendar(key.site).local(time).date()
    price = factor_on(context.limits.rows, f"{kind.carrier}.yuan", unit, day, "price", key.site)
    factor = factor_on(context.limits.rows, f"{kind.carrier}.kgco2", unit, day, "location", key.site)
    yuan = None if price is None else (Decimal(str(price.value)) * Decimal(str(amount))).quantize(Decimal("0.01"))
    return amount if unit == "kWh" else 0.0, yuan, None if factor is None else amount * factor.value


def _cost_in_words(kwh: float, yuan: Decimal | None, kgco2: float | None) -> tuple[str, str]:
    parts = []
    if kwh:
        parts.append((f"{kwh:.3g} kWh", f"{kwh:.3g} kWh"))
    if yuan:
        parts.append((f"{yuan}元", f"{yuan} yuan"))
    if kgco2:
        parts.append((f"{kgco2:.3g} kg CO₂", f"{kgco2:.3g} kg CO₂"))
    if not parts:
        return "", ""
    return f"；每小时多耗{'、'.join(zh for zh, _ in parts)}", f"; it costs {', '.join(en for _, en in parts)} an hour"
