"""What else scores a stream: plain baselines, and detectors of the river package where that is installed.

Each takes the instants and values of one series in order and gives a score a reading, made from what came before it.
"""

import math
import random
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schema.instant import DAY, HOUR

Floats = NDArray[np.float64]
Rival = Callable[[NDArray[np.int64], Floats], Floats]

WINDOW, STEP = 6400, 100
"""The windowed Gaussian of the benchmark looks at so many readings, and moves on by so many once it has them."""
_DIGITS = 12
"""Published scores went through text of so many digits; which of them tie near 1 depends on it."""


def null(_time: NDArray[np.int64], value: Floats) -> Floats:
    """No opinion."""
    return np.full(len(value), 0.5)


def chance(_time: NDArray[np.int64], value: Floats) -> Floats:
    """Even chance, the same draws for every series."""
    draw = random.Random(42)  # noqa: S311
    return np.array([draw.random() for _ in value])


def gaussian(_time: NDArray[np.int64], value: Floats) -> Floats:
    """The benchmark's windowed Gaussian: one less the tail probability under the window's normal distribution."""
    scores = np.zeros(len(value))
    begin, end, mean, deviation = 0, 0, 0.0, 1.0
    for i, reading in enumerate(value):
        if i:
            scores[i] = 1 - 0.5 * math.erfc(abs(reading - mean) / deviation / math.sqrt(2))
        growing = i < WINDOW
        if growing or i + 1 - end == STEP:
            begin, end = 0 if growing else begin + STEP, i + 1
            window = value[begin:end]
            mean, deviation = float(window.mean()), float(window.std()) or 1e-6
    return scores.round(_DIGITS)


def seasonal(time: NDArray[np.int64], value: Floats) -> Floats:
    """Standard deviations from the mean of this hour of the week; in the first two weeks, of the day."""
    scores = np.zeros(len(value))
    count, mean, square = np.zeros(192), np.zeros(192), np.zeros(192)
    places = np.stack([time // HOUR % 168, 168 + time % DAY // HOUR], 1)
    ripe = time - time[0] >= 14 * DAY
    for i, reading in enumerate(value.tolist()):
        usual = places[i, 0 if ripe[i] else 1]
        if count[usual] > 1:
            scores[i] = abs(reading - mean[usual]) / (math.sqrt(square[usual] / count[usual]) + 1e-9)
        for place in places[i]:
            count[place] += 1
            off = reading - mean[place]
            mean[place] += off / count[place]
            square[place] += off * (reading - mean[place])
    return scores


def rivals() -> dict[str, Rival]:
    """Every rival by name; those of river only where it is installed."""
    plain: dict[str, Rival] = {
        "null": null,
        "random": chance,
        "windowed Gaussian": gaussian,
        "seasonal z-score": seasonal,
    }
    return plain | (_river() if find_spec("river") else {})


def _river() -> dict[str, Rival]:
    """Detectors of river with their defaults, one reading at a time: score, then learn."""
    from river import anomaly, preprocessing  # noqa: PLC0415

    def fed(make: Callable[[], Any]) -> Rival:
        def run(_time: NDArray[np.int64], value: Floats) -> Floats:
            model, scores = make(), np.zeros(len(value))
            for i, reading in enumerate(value.tolist()):
                features = {"value": reading}
                scores[i] = model.score_one(features)
                model.learn_one(features)
            return np.nan_to_num(scores)

        return run

    def supervised(make: Callable[[], Any]) -> Rival:
        def run(_time: NDArray[np.int64], value: Floats) -> Floats:
            model, scores = make(), np.zeros(len(value))
            for i, reading in enumerate(value.tolist()):
                scores[i] = model.score_one({}, reading)
                model.learn_one({}, reading)
            return np.nan_to_num(scores)

        return run

    return {
        "river GaussianScorer": supervised(anomaly.GaussianScorer),
        "river StandardAbsoluteDeviation": supervised(anomaly.StandardAbsoluteDeviation),
        "river HalfSpaceTrees": fed(lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=42)),
        "river OneClassSVM": fed(lambda: preprocessing.StandardScaler() | anomaly.OneClassSVM()),
    }
