"""Base load: nights, and days off, that use more than those of the last eight weeks did."""

from typing import ClassVar, NamedTuple

import numpy as np

from analytics.calendar import WEEKEND
from analytics.detect.core import Column, Columns, Context, Floats, Hours, Layout, Rule, is_interval, tell
from analytics.detect.explain import Level, Said, explain
from devices import kinds
from schema.finding import Finding
from schema.instant import DAY, HOUR
from schema.series import INTERVAL_SUFFIX, SeriesKey
from schema.text import Text

NIGHT, OFFICE = (0, 5), (9, 17)
"""Local hours from, and until before."""
GRACE = {"night": 14, "off": 6}
"""Nights, or days off, before anything is said."""
MEMORY = {"night": 56, "off": 16}
SIGMAS = 5.0
RAISE, RATE = 0.5, 0.05 / 30
"""A finding raises the limit of its series by so much of itself; that fades by so many findings a judgement."""
NEW_NORMAL = 8 * DAY
"""A rise that lasts so long is taken as the new base load."""
ENOUGH = 4


class Part(NamedTuple):
    """A part of the week: of which hours, the row its share of a working day goes by, and its words."""

    name: str
    hours: tuple[int, int]
    ratio: str
    title: Text


_PARTS = (
    Part("night", NIGHT, "night.ratio", Text("夜间用量", "night load")),
    Part("off", OFFICE, "holiday.ratio", Text("休息日用量", "load on a day off")),
)


class BaseLoad:
    """Flags a night or a day off above its usual by the share `night.rise`, and by what it scatters."""

    rule = Rule(
        "base_load",
        Text("夜间或休息日用量过高", "High base load"),
        Text(
            "下班后逐层检查未关的设备与定时设置。",
            "Walk the floors after hours: what is on, and which timers are wrong.",
        ),
    )
    holds = False
    layout: ClassVar[Layout] = {
        "sum": Column("f8", fleeting=True),
        "number": Column("i4", fleeting=True),
        "office": Column("f8", None, np.nan),
        "factor": Column("f8", None, 1.2),
        **{f"{part.name}_usual": Column("f8") for part in _PARTS},
        **{f"{part.name}_spread": Column("f8") for part in _PARTS},
        **{f"{part.name}_times": Column("i4") for part in _PARTS},
    }

    def selects(self, key: SeriesKey) -> bool:
        """What electricity, gas and heat meters book; water has its own night."""
        kind = kinds().get(key.kind.removesuffix(INTERVAL_SUFFIX))
        booked = kind is not None and kind.consumption == key.point and kind.carrier in {"electricity", "gas", "heat"}
        return is_interval(key) and booked

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Gather the hours of a night or a day, and judge it at its last hour."""
        row, at = hours.row, hours.hour % 24
        off = hours.hour >= WEEKEND
        night = at < NIGHT[1]
        office = (at >= OFFICE[0]) & (at < OFFICE[1])
        starts = (at == NIGHT[0]) | (at == OFFICE[0]) | (hours.gap > 2 * HOUR)
        total = np.where(starts, 0.0, columns["sum"][row]) + np.where(night | office, hours.value, 0.0)
        number = np.where(starts, 0, columns["number"][row]) + (night | office)
        columns["sum"][row], columns["number"][row] = total, number
        mean = total / np.maximum(number, 1)
        full = number >= ENOUGH

        ends = np.flatnonzero(full & office & ~off & (at == OFFICE[1] - 1))
        was = columns["office"][row[ends]]
        columns["office"][row[ends]] = np.where(np.isnan(was), mean[ends], was + 0.1 * (mean[ends] - was))
        findings = []
        for part, mine in ((_PARTS[0], night), (_PARTS[1], office & off)):
            done = np.flatnonzero(full & mine & (at == part.hours[1] - 1))
            if len(done):
                findings += self._judge(columns, _at(hours, done), mean[done], part, context)
        return findings

    def _judge(self, columns: Columns, hours: Hours, mean: Floats, part: Part, context: Context) -> list[Finding]:
        row = hours.row
        usual, spread = columns[f"{part.name}_usual"][row], columns[f"{part.name}_spread"][row]
        times = columns[f"{part.name}_times"][row]
        rise = context.limits.of("night.rise", hours.keys, row, hours.time)
        ratio = context.limits.of(part.ratio, hours.keys, row, hours.time)
        factor = columns["factor"][row]
        high = usual + factor * np.maximum(rise * usual, SIGMAS * spread)
        opened = columns["since"][row] > 0
        over = (times >= GRACE[part.name]) & (mean > np.where(opened, usual + 0.5 * (high - usual), high)) & (usual > 0)
        over &= opened | ~hours.shared
        lasted = (opened & (hours.time - columns["since"][row] >= NEW_NORMAL)) | hours.shared
        new = over & ~opened
        columns["factor"][row] = np.maximum(factor + (new - RATE) * RAISE, 1.0)
        office = columns["office"][row]
        share = np.divide(mean, office, out=np.full(len(row), np.nan), where=office > 0)
        grade = np.where(share > ratio, 1, 0)
        begin = hours.time - (part.hours[1] - part.hours[0]) * HOUR
        findings = []
        for i, since, on in tell(columns, hours, over & ~lasted, begin, grade):
            key = hours.keys[row[i]]
            said = Text("", "")
            if np.isfinite(share[i]):
                said = Text(f"（为工作时段的{share[i]:.0%}）", f" ({share[i]:.0%} of that of office hours)")
            back = Text(f"{part.title.zh}已恢复正常", f"{part.title.en} is as usual again")
            if lasted[i]:
                back = Text(f"{part.title.zh}持续偏高，已作为新的常态", f"{part.title.en} stayed so: taken as normal")
            findings.append(
                explain(
                    self.rule,
                    key,
                    context,
                    (since, int(hours.time[i])),
                    Level(float(mean[i]), float(usual[i]), 0.0, float(high[i])),
                    Said(Text(f"{part.title.zh}过高{said.zh}", f"{part.title.en} too high{said.en}"), back),
                    active=on,
                    cause="left_on",
                    severity="warning" if grade[i] else "info",
                    confidence=0.8,
                )
            )
        learns = ~over | lasted
        times = np.where(lasted, 3, times)
        rate = learns * np.maximum(1 / (times + 1.0), 1 / MEMORY[part.name])
        miss = mean - usual
        columns[f"{part.name}_usual"][row] = np.where(lasted, mean, usual + rate * miss)
        known = times > 0
        columns[f"{part.name}_spread"][row] = spread + np.where(known, rate, 0) * (1.25 * np.abs(miss) - spread)
        columns[f"{part.name}_times"][row] = times + learns
        return findings


def _at(hours: Hours, chosen: np.ndarray) -> Hours:
    """The chosen hours, as far as they are told of."""
    return hours._replace(row=hours.row[chosen], time=hours.time[chosen], shared=hours.shared[chosen])


DETECTOR = BaseLoad()
