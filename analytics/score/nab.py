"""The Numenta Anomaly Benchmark's scoring function (Lavin and Ahmad 2015, NAB v1.1), for all thresholds at once.

A series' first rows are probation and do not count. In a labelled window the earliest detection earns up to `tp`, a
window without one costs `fn`, a detection outside costs up to `fp`: little just after a window, all of it three window
widths later or before any window. Scores are normalised: 0 never detects, 100 detects every window at its first row.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.novelty.trace import Row, opened, rows
from schema.errors import Reject

Floats = NDArray[np.float64]

PROBATION = 0.15
PROBATION_ROWS = 5000
"""Probation is this share of a series, of at most so many rows."""
FAR = 3.0
"""From so many widths behind its window on a false alarm costs all of its weight."""


class Profile(NamedTuple):
    """What a detection, a miss and a false alarm weigh."""

    name: str
    tp: float
    fn: float
    fp: float


class Best(NamedTuple):
    """The highest normalised score over all thresholds, and the (first) threshold that reaches it."""

    score: float
    threshold: float


@dataclass(frozen=True)
class Labelled:
    """A series of the benchmark with its anomaly windows, as the (start, end) they are labelled with."""

    name: str
    rows: Sequence[Row]
    windows: Sequence[tuple[int, int]]

    @cached_property
    def time(self) -> NDArray[np.int64]:
        """Instants, 0 where a row has none."""
        return np.array([row.time or 0 for row in self.rows], np.int64)

    @cached_property
    def value(self) -> Floats:
        """Values, NaN where a row has none."""
        return np.array([np.nan if row.value is None else row.value for row in self.rows])

    @property
    def category(self) -> str:
        """The folder it lies in."""
        return self.name.split("/")[0]

    @property
    def probation(self) -> int:
        """How many rows are not scored."""
        return int(min(np.floor(PROBATION * len(self.rows)), PROBATION * PROBATION_ROWS))

    @cached_property
    def rewards(self) -> tuple[Floats, NDArray[np.int64]]:
        """By row: what a detection there is worth before weights, and the window it lies in (-1: none)."""
        index = np.arange(len(self.rows))
        worth, window = np.full(len(index), -1.0), np.full(len(index), -1)
        for number, (start, end) in enumerate(self.windows):
            first, last = self._row(start), self._row(end)
            width = last - first + 1
            inside = slice(first, last + 1)
            worth[inside] = _sigmoid(-(last - index[inside] + 1) / width) / _FIRST
            window[inside] = number
            behind = (index[last + 1 :] - last) / max(width - 1, 1)
            worth[last + 1 :] = np.where(behind >= FAR, -1.0, _sigmoid(behind))
        return worth, window

    def _row(self, time: int) -> int:
        """The first row of exactly that time."""
        rows = np.flatnonzero(self.time == time)
        if not len(rows):
            raise Reject("no_such_row", f"{self.name}: a window of the labels begins or ends where there is no reading")
        return int(rows[0])


@dataclass(frozen=True)
class Corpus:
    """Series with labels, to score detectors on."""

    files: Sequence[Labelled]

    def of(self, *categories: str) -> "Corpus":
        """The part of some categories."""
        return Corpus([file for file in self.files if file.category in categories])

    @property
    def categories(self) -> list[str]:
        """All folders, in order."""
        return sorted({file.category for file in self.files})

    def at(self, scores: Mapping[str, Floats], profile: Profile, threshold: float) -> float:
        """The normalised score of detecting all rows whose score is at least the threshold; nan without windows."""
        thresholds, totals = self._sweep(scores, profile)
        place = int(np.searchsorted(-thresholds, -threshold, side="right")) - 1
        return self._normalised(float(totals[place]), profile)

    def best(self, scores: Mapping[str, Floats], profile: Profile) -> Best:
        """The normalised score at the one threshold for all files that serves it best."""
        thresholds, totals = self._sweep(scores, profile)
        place = int(np.argmax(totals))
        return Best(self._normalised(float(totals[place]), profile), float(thresholds[place]))

    def _sweep(self, scores: Mapping[str, Floats], profile: Profile) -> tuple[Floats, Floats]:
        """Falling thresholds, the first above every score, and the total weighted score at each."""
        score, worth, window = self._rows(scores)
        outside = window < 0
        change = np.where(outside, profile.fp * worth, 0.0)
        rows = np.flatnonzero(~outside)
        if len(rows):
            # Of a window counts what is worth most among the rows detected: what each adds to those of higher score.
            rows = rows[np.lexsort((-score[rows], window[rows]))]
            most = np.maximum.accumulate(worth[rows] + 2.0 * window[rows]) - 2.0 * window[rows]
            first = np.append(True, np.diff(window[rows]) > 0)
            before = np.where(first, -profile.fn / profile.tp, np.append(0.0, most[:-1]))
            change[rows] = profile.tp * (most - before)
        order = np.argsort(-score, kind="stable")
        totals = -profile.fn * len(np.unique(window[rows])) + np.append(0.0, np.cumsum(change[order]))
        thresholds = np.append(np.inf, score[order])
        last = np.append(np.diff(thresholds) != 0, True)
        return thresholds[last], totals[last]

    def _rows(self, scores: Mapping[str, Floats]) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """All scored rows of all files: score, worth, and a window number that is theirs alone."""
        parts, offset = [], 0
        for file in self.files:
            worth, window = file.rewards
            skip = file.probation
            parts.append((scores[file.name][skip:], worth[skip:], np.where(window < 0, -1, window + offset)[skip:]))
            offset += len(file.windows)
        score, worth, window = (np.concatenate(column) for column in zip(*parts, strict=True))
        return score, worth, window

    def _normalised(self, total: float, profile: Profile) -> float:
        windows = sum(len(file.windows) for file in self.files)
        null, perfect = -profile.fn * windows, profile.tp * windows
        return 100 * (total - null) / (perfect - null) if windows else float("nan")


def load(folder: Path) -> Corpus:
    """The series under `data/` that `labels/combined_windows.json` knows; Reject where there are none."""
    labels = folder / "labels" / "combined_windows.json"
    if not labels.is_file():
        raise Reject("no_labels", f"{labels} is missing: give the folder that holds data/ and labels/")
    windows = json.loads(labels.read_text())
    files = [
        Labelled(name, _read(path), [(_instant(start), _instant(end)) for start, end in windows[name]])
        for path in sorted((folder / "data").rglob("*.csv"))
        if (name := path.relative_to(folder / "data").as_posix()) in windows
    ]
    if not files:
        raise Reject("no_series", f"no series under {folder / 'data'} is in {labels}")
    return Corpus(files)


def profiles(folder: Path) -> list[Profile]:
    """The weights of each profile, from `profiles.json`."""
    return [
        Profile(name, weight["tpWeight"], weight["fnWeight"], weight["fpWeight"])
        for name, body in json.loads((folder / "profiles.json").read_text()).items()
        if (weight := body["CostMatrix"])
    ]


def _read(path: Path) -> list[Row]:
    with opened(path) as lines:
        return list(rows(lines))


def _instant(text: str) -> int:
    return int(np.datetime64(text.replace(" ", "T"), "us").astype(np.int64))


def _sigmoid(position: Floats) -> Floats:
    """From almost 1 a window's width before the end of a window, through 0 at its end, to almost -1 a width later."""
    scaled: Floats = 2 / (1 + np.exp(5 * position)) - 1
    return scaled


_FIRST = float(_sigmoid(np.array([-1.0]))[0])
"""What the first row of a window is worth before it is scaled to 1."""
