"""Surprise: how unlike all before it a reading is, for series nobody has told us anything about.

Surprises of several kinds are watched at once: the distance from the level, from the half hour of the day and from the
hour of the week, each at once and as a mean over readings; a standstill; a context (the value and its means over ever
more readings) unlike all that are kept. None of them has a scale or a distribution of its own: each is held against its
own highest values so far, whose excess over their quantile 1 - EDGE gives a tail probability. What counts is how far
the weighted mean of their -ln p exceeds that of the most surprising reading of late: so an event is told once, when it
begins, and one threshold means much the same for every series.

`advance` is written once, for one series (floats) and for a wave of many (arrays); the calculus says which. Spans,
memories and lives are in readings unless their names say otherwise.
"""

import math
from typing import Any

from analytics.novelty.calculus import Calculus, Cells, Number
from schema.instant import HOUR, MINUTE

FLAG = 0.5
"""A score from here on is an anomaly."""
GRACE = 100
"""Nothing is said of a series of fewer readings."""
SHIPPED = 0.65
"""How far -ln p has to exceed that of the most surprising reading of late for the score FLAG."""
HALF_LIFE = 500.0
"""Readings after which it takes half as much to surprise again."""
ECHO, ECHO_LIFE = 0.25, 20.0
"""Right after an event, and ever less for some readings, it takes so much of its novelty more to be another."""

LEVEL_SPAN, USUAL_SPAN, STEP_SPAN = 50.0, 500.0, 6.0
DAYS_MEMORY, WEEKS_MEMORY = 2.0, 6.0
DISTANCE_SPAN = 30.0
WEIGHTS = tuple(weight / 7 for weight in (0.25, 0.75, 0.5, 1.5, 0.5, 1.5, 1.0, 1.0))
"""Of the distance from level, day and week, at once and over DISTANCE_SPAN; of standstill; of context."""

CONTEXT_SPANS = 1.0, 4.0, 16.0, 64.0
KEPT = 16
FAR = 3.0
"""A context so many usual distances from every one that is kept takes the place of the one least in use."""
STRAY = 5.0
"""A distance is learned as no more than so many usual ones."""
CLOSER, DISUSE = 0.02, 0.9995

EDGE = 0.005
TAIL_MEMORY, TAIL_COUNT = 5000.0, 5.0
PRIOR = 1.0
"""The excess, as a logarithm, that a tail is credited with before any is seen."""
WILD = 3.0
"""An excess is learned as no more than so many usual ones."""

_START = 10
HALF = 30 * MINUTE
_HALVES, _WEEK = 48, 168
_NOWHERE = 1e30
_TINY = 1e-12
_FADE, _ECHO_FADE = 0.5 ** (1 / HALF_LIFE), 0.5 ** (1 / ECHO_LIFE)
_SURPRISE = math.log(1 / EDGE)


STATE: dict[str, tuple[str, int | None, float]] = {
    "count": ("i8", None, 0.0),
    "origin": ("f8", None, 0.0),
    "before": ("f8", None, 0.0),
    "level": ("f8", None, 0.0),
    "day": ("f4", _HALVES, 0.0),
    "days": ("f4", _HALVES, 0.0),
    "week": ("f4", _WEEK, 0.0),
    "weeks": ("f4", _WEEK, 0.0),
    "distance": ("f8", 3, 0.0),
    "step": ("f8", None, 0.0),
    "usual": ("f8", None, 0.0),
    "context": ("f8", len(CONTEXT_SPANS), 0.0),
    "kept": ("f4", len(CONTEXT_SPANS) * KEPT, _NOWHERE),
    "used": ("f4", KEPT, 0.0),
    "apart": ("f8", None, 0.0),
    "edge": ("f8", len(WEIGHTS), 0.0),
    "size": ("f8", len(WEIGHTS), 0.0),
    "excess": ("f8", len(WEIGHTS), 0.0),
    "exceeded": ("f8", len(WEIGHTS), 0.0),
    "peak": ("f8", None, 0.0),
    "echo": ("f8", None, 0.0),
}
"""What is kept of a series: type, how many (None: one), and what each begins as."""


def advance(cells: Cells, value: Number, gap: Number, half: Any, hour: Any, calculus: Calculus) -> Number:
    """The score of the next reading, `gap` us after the one before it; the state in `cells` then has learned it.

    `half` and `hour` find the half hour of the day and the hour of the week among the cells of the profiles.
    """
    count = cells["count"]
    cells["count"] = count + 1
    cells["origin"] = calculus.where(count == 0, value, cells["origin"])
    value = value - cells["origin"]
    age = count + 1.0
    surprises = _distances(cells, value, gap, half, hour, age, calculus)
    surprises.append(_standstill(cells, value, age, calculus))
    surprises.append(_unlike(cells, value, age, calculus))
    ripe = age > _START
    paces = calculus.maximum(3 / age, 2 / TAIL_MEMORY), calculus.maximum(1 / age, 1 / TAIL_MEMORY)
    improbable = 0.0
    for kind, surprise in enumerate(surprises):
        improbable = improbable + WEIGHTS[kind] * _improbable(cells, kind, surprise, ripe, paces, calculus)
    return _judge(cells, improbable, age, calculus)


def _distances(
    cells: Cells, value: Number, gap: Number, half: Any, hour: Any, age: Number, calculus: Calculus
) -> list[Number]:
    """From the level, and from what the half hour of the day and the hour of the week bring; then learn these."""
    level = cells["level"]
    day = _expected(cells, ("day", "days"), half, level, value, gap / HALF, DAYS_MEMORY, calculus)
    week = _expected(cells, ("week", "weeks"), hour, day, value, gap / HOUR, WEEKS_MEMORY, calculus)
    found, means = [], cells["distance"]
    for i, expected in enumerate((level, day, week)):
        off = value - expected
        mean = means[i]
        means[i] = mean = mean + (off - mean) / DISTANCE_SPAN
        found += [abs(off), abs(mean)]
    cells["level"] = level + calculus.maximum(1 / age, 1 / LEVEL_SPAN) * (value - level)
    return found


def _expected(
    cells: Cells,
    names: tuple[str, str],
    at: Any,
    fallback: Number,
    value: Number,
    share: Number,
    memory: float,
    calculus: Calculus,
) -> Number:
    """What a profile's cell says, or the fallback where it knows little; it then learns by the share of it covered."""
    profile, known = (cells[name] for name in names)
    usual, weight = profile[at], known[at]
    expected = fallback + weight / (weight + 0.3) * (usual - fallback)
    share = calculus.minimum(calculus.maximum(share, 1e-3), 1.0)
    rate = calculus.maximum(share / (weight + share), 1 - calculus.exp(-share / memory))
    profile[at] = usual + rate * (value - usual)
    known[at] = weight + share
    return expected


def _standstill(cells: Cells, value: Number, age: Number, calculus: Calculus) -> Number:
    """How much smaller the steps from reading to reading have become than they usually are."""
    moved = abs(value - cells["before"])
    step, usual = cells["step"], cells["usual"]
    step = step + (moved - step) / STEP_SPAN
    cells["before"], cells["step"] = value, step
    cells["usual"] = usual + calculus.maximum(1 / age, 1 / USUAL_SPAN) * (moved - usual)
    return calculus.maximum(calculus.log((usual + _TINY) / (step + 0.01 * usual + _TINY)), 0.0)


def _unlike(cells: Cells, value: Number, age: Number, calculus: Calculus) -> Number:
    """The largest difference from the nearest context that is kept; then keep this one, or move that one closer."""
    maximum, where = calculus.maximum, calculus.where
    means, kept, apart = cells["context"], cells["kept"], cells["apart"]
    for i, span in enumerate(CONTEXT_SPANS):
        means[i] = means[i] + (value - means[i]) / span
    now = [calculus.single(mean) for mean in means]
    least, nearest = calculus.least(
        [
            maximum(maximum(abs(one - now[0]), abs(two - now[1])), maximum(abs(three - now[2]), abs(four - now[3])))
            for one, two, three, four in zip(*kept, strict=True)
        ]
    )
    cells["used"] = used = calculus.scaled(cells["used"], DISUSE)
    far = least > FAR * apart
    place = nearest
    if calculus.any(far):
        idle = calculus.least([calculus.picked(far, line) for line in used])[1]
        place = calculus.spread(far, idle, nearest)
    at = calculus.cell(place)
    used[at] = where(far, 1.0, used[at] + 1.0)
    for line, mean in zip(kept, now, strict=True):
        line[at] = where(far, mean, line[at] + CLOSER * (mean - line[at]))
    least = where(least < _NOWHERE / 2, least, 0.0)
    bound = where((age > 5 * _START) & (apart > 0), STRAY * apart, least)
    cells["apart"] = apart + maximum(1 / age, 0.005) * (calculus.minimum(least, bound) - apart)
    return least


def _improbable(
    cells: Cells, kind: int, surprise: Number, ripe: Any, paces: tuple[Number, Number], calculus: Calculus
) -> Number:
    """The -ln p of a surprise by the tail of its kind, 0 for what lies within the EDGE; then learn the tail."""
    maximum, minimum, where = calculus.maximum, calculus.minimum, calculus.where
    edge, size = cells["edge"][kind], cells["size"][kind]
    floor = 0.01 * size + _TINY
    over = (surprise > edge) & ripe
    improbable = 0.0
    if calculus.any(over):
        excess, count = cells["excess"][kind], cells["exceeded"][kind]
        ratio, old, seen = (
            calculus.picked(over, number) for number in ((surprise + floor) / (edge + floor), excess, count)
        )
        beyond, credit = calculus.log(ratio), old + PRIOR
        new = _SURPRISE + (seen + 1) * calculus.log1p(beyond / credit)
        improbable = calculus.spread(over, new, 0.0 * edge)
        learned = minimum(beyond, WILD * credit / (seen + 1)) - where(seen >= TAIL_COUNT, old / TAIL_COUNT, 0.0)
        cells["excess"][kind] = calculus.spread(over, old + learned, excess)
        cells["exceeded"][kind] = calculus.spread(over, minimum(seen + 1, TAIL_COUNT), count)
    moved = edge + paces[0] * maximum(maximum(edge, floor), 0.3 * size) * (over - EDGE)
    bound = where(size > 0, 10 * size, surprise)
    if not calculus.all(ripe):
        moved = where(ripe, moved, maximum(edge, surprise))
        bound = where(ripe, bound, surprise)
    cells["edge"][kind] = moved
    cells["size"][kind] = size + paces[1] * (minimum(surprise, bound) - size)
    return improbable


def _judge(cells: Cells, improbable: Number, age: Number, calculus: Calculus) -> Number:
    """The score of what exceeds the most surprising of late, which it then is itself."""
    maximum = calculus.maximum
    peak, echo = cells["peak"] * _FADE, cells["echo"] * _ECHO_FADE
    new = improbable - peak
    told = maximum(new - echo, 0.0)
    cells["peak"], cells["echo"] = maximum(peak, improbable), maximum(echo, ECHO * new)
    return calculus.where(age > GRACE, told / (told + SHIPPED), 0.0)


def alone() -> Cells:
    """The state of one series, for `advance` on floats."""
    cells: Cells = {}
    for name, (dtype, width, start) in STATE.items():
        begin = int(start) if dtype == "i8" else start
        cells[name] = begin if width is None else [begin] * width
    cells["kept"] = [[_NOWHERE] * KEPT for _ in CONTEXT_SPANS]
    return cells
