"""Stuck: a meter that counts nothing, or a gauge that repeats itself, where it practically never does."""

from typing import ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import WEEKEND
from analytics.detect.core import (
    Column,
    Columns,
    Context,
    Hours,
    Layout,
    Rule,
    has_register,
    in_words,
    is_booked,
    is_interval,
    point_of,
    tell,
)
from analytics.detect.explain import Level, Said, explain, what_of
from schema.finding import Finding
from schema.instant import DAY, HOUR
from schema.series import SeriesKey
from schema.text import Text

GRACE = 7 * DAY
RARE = 0.03
"""Standing still counts as evidence only in hours where it is rarer than this."""
OPENS, RAISE, RATE = 3.0, 1.0, 0.7 / (30 * 24)
"""Hours of such evidence that open a finding; a finding asks for so many more of its series, which fades by so many
findings an hour."""

LITTLE = 0.1
"""Share of its mean below which an hour's usual consumption is not missed."""
HERD, MOST = 3, 0.75
"""Meters of a carrier, and the share of them, that standing still together is no fault of each."""
_MEMORY = 100.0


class Stuck:
    """Flags a series that stands still through hours in which it always moved."""

    rule = Rule(
        "stuck",
        Text("表计停走", "Meter or sensor stuck"),
        Text(
            "现场核对表计读数与采集通道；确认停用的，请在台账中停用该设备。",
            "Read the meter on site and check its channel; retire the device if it is out of use.",
        ),
    )
    holds = True
    layout: ClassVar[Layout] = {
        "still": Column("f4", 48),
        "hours": Column("u1", 48),
        "usual": Column("f4", 48),
        "bar": Column("f4", None, OPENS),
        "interval": Column("?"),
        "metered": Column("?"),
        "herd": Column("i8"),
        "run": Column("i8", fleeting=True),
        "owed": Column("f8", fleeting=True),
        "missed": Column("f8", fleeting=True),
    }

    def selects(self, key: SeriesKey) -> bool:
        """What meters book, and gauges."""
        point = point_of(key.kind, key.point)
        return is_booked(key) or (point is not None and point.kind == "gauge")

    def judge(self, columns: Columns, hours: Hours, context: Context) -> list[Finding]:
        """Count the hours of standing still where that is rare, then learn how rare it is."""
        row, value, hour = hours.row, hours.value, hours.hour.astype(np.intp)
        bin_ = hour % 24 + np.where(hour >= WEEKEND, 24, 0)
        fresh, anew = row[hours.gap == 0], row[hours.ripe == 0]
        columns["hours"][:, anew] = 0
        columns["interval"][fresh] = [is_interval(hours.keys[i]) for i in fresh]
        columns["metered"][fresh] = [has_register(hours.keys[i]) for i in fresh]
        columns["herd"][fresh] = [_herd(hours.keys[i]) for i in fresh]
        still = (hours.moved == 0) & (~columns["interval"][row] | (value == 0)) & (hours.gap > 0)
        share, times, usual = columns["still"][bin_, row], columns["hours"][bin_, row], columns["usual"][bin_, row]

        ripe = (hours.time - columns["first"][row] >= GRACE) & (times >= 2)
        counts = still & ripe & (share < RARE)
        run = np.where(still & (columns["run"][row] > 0), columns["run"][row], hours.time - HOUR)
        rest = hours.shared | _all_rest(columns["herd"][row], still)
        counts &= ~rest
        # A meter at rest shows in what it books.
        counts &= columns["interval"][row] | ~columns["metered"][row] | (value != 0)
        # An hour that brings next to nothing anyway, as the kitchen's at night, is no loss.
        counts &= ~columns["interval"][row] | (usual > LITTLE * columns["usual"][:, row].mean(axis=0))
        owed = np.where(still, columns["owed"][row] + counts, 0.0)
        missed = np.where(still, columns["missed"][row] + np.where(counts, usual, 0.0), 0.0)
        columns["run"][row] = np.where(still, run, 0)
        columns["owed"][row], columns["missed"][row] = owed, missed

        findings = []
        bar, opened = columns["bar"][row], columns["since"][row] > 0
        active = (owed >= bar) | (opened & (owed > 0))
        columns["bar"][row] = np.maximum(bar + ((active & ~opened) - RATE) * RAISE, OPENS)
        for i, begin, on in tell(columns, hours, active, run, np.ones(len(row), np.int8)):
            key = hours.keys[row[i]]
            expected = float(missed[i] / owed[i]) if on else float(usual[i])
            findings.append(self._finding(key, context, (begin, int(hours.time[i])), float(value[i]), expected, on))

        # A run of standing still is learned once, by its first hour: how often it starts, not how long it lasts.
        learning = ~(counts & (owed > 1))
        rate = learning * np.maximum(1 / (times + 1.0), 1 - np.exp(-1 / _MEMORY))
        columns["still"][bin_, row] = share + rate * (still - share)
        columns["usual"][bin_, row] = usual + rate * (value - usual)
        columns["hours"][bin_, row] = np.minimum(times + learning, 250)
        return findings

    def _finding(
        self, key: SeriesKey, context: Context, time: tuple[int, int], value: float, expected: float, on: bool
    ) -> Finding:
        if is_interval(key):
            what = Text("用量为零", "no consumption")
        else:
            title, seen = what_of(key), in_words(key, value)
            what = Text(f"{title.zh}停在{seen}不变", f"{title.en} has stood at exactly {seen}")
        return explain(
            self.rule,
            key,
            context,
            time,
            Level(value, expected, expected, expected),
            Said(what, Text("读数恢复变化", "the readings move again")),
            active=on,
            cause="meter" if is_interval(key) else "sensor",
            excess=0.0,
        )


def _herd(key: SeriesKey) -> int:
    """A number for the meters of one carrier at a site that may all rest at once, as out of season; 0 for others."""
    apart = not is_interval(key) or key.kind.startswith("electricity")
    return 0 if apart else crc32(f"{key.site}/{key.kind}".encode())


def _all_rest(herd: NDArray[np.int64], still: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where nearly all of a herd stand still."""
    _, at = np.unique(herd, return_inverse=True)
    number, resting = np.bincount(at), np.bincount(at, still)
    found: NDArray[np.bool_] = ((number >= HERD) & (resting >= MOST * number))[at] & (herd > 0)
    return found


DETECTOR = Stuck()
