"""The benchmark's scoring function, by hand-computed values and by what is published of it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from analytics.novelty.trace import Row
from analytics.score.nab import Corpus, Labelled, Profile, load, profiles
from analytics.score.rivals import gaussian, null
from schema.errors import Reject
from tests.real_data import real

STANDARD = Profile("standard", tp=1.0, fn=1.0, fp=0.11)
N = 100
FIRST = 15
"""Rows of probation among N."""


def series(*windows: tuple[int, int], name: str = "a/b.csv") -> Labelled:
    """N rows a second apart, with windows by row."""
    return Labelled(name, [Row("", "", i, 0.0) for i in range(N)], windows)


def sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


def score(file: Labelled, *detected: int, profile: Profile = STANDARD) -> float:
    marks = np.zeros(N)
    marks[list(detected)] = 1.0
    return Corpus([file]).at({file.name: marks}, profile, 0.5)


def test_silence_scores_nothing_and_the_first_rows_of_all_windows_everything() -> None:
    file = series((30, 39), (60, 69))
    assert score(file) == 0
    assert score(file, 30, 60) == pytest.approx(100)


def test_the_first_detection_in_a_window_counts_and_is_worth_less_the_later_it_is() -> None:
    file = series((30, 39))
    late = sigmoid(-5 / 10) / sigmoid(-1)
    assert score(file, 35) == pytest.approx(100 * (late + 1) / 2)
    assert score(file, 35, 36, 39) == score(file, 35)
    assert score(file, 39) < score(file, 35) < score(file, 31)


def test_a_false_alarm_costs_by_its_distance_behind_the_last_window() -> None:
    file = series((30, 39))
    for row, worth in ((20, -1.0), (40, sigmoid(1 / 9)), (48, sigmoid(1.0)), (66, -1.0), (99, -1.0)):
        assert score(file, row) == pytest.approx(100 * 0.11 * worth / 2), row


def test_probation_does_not_count() -> None:
    file = series((30, 39))
    assert score(file, *range(FIRST)) == 0
    assert score(file, FIRST) < 0


def test_a_missed_window_costs_what_the_profile_says() -> None:
    file = series((30, 39), (60, 69))
    low_fn = Profile("low_fn", tp=1.0, fn=2.0, fp=0.11)
    assert score(file, 30, profile=low_fn) == pytest.approx(50)


def test_one_threshold_serves_all_files_best() -> None:
    one, other = series((30, 39), name="a/one.csv"), series((50, 59), name="a/other.csv")
    marks = {one.name: np.zeros(N), other.name: np.zeros(N)}
    marks[one.name][30], marks[other.name][50], marks[other.name][80] = 0.9, 0.4, 0.3
    best = Corpus([one, other]).best(marks, STANDARD)
    assert best.score == pytest.approx(100)
    assert best.threshold == 0.4
    assert Corpus([one, other]).at(marks, STANDARD, 0.4) == best.score
    assert Corpus([one, other]).at(marks, STANDARD, 0.41) == pytest.approx(50)
    assert Corpus([one, other]).at(marks, STANDARD, 0.2) < best.score


def test_rows_of_equal_score_are_detected_together() -> None:
    file = series((30, 39))
    marks = np.zeros(N)
    marks[[30, 80]] = 0.7
    assert Corpus([file]).best({file.name: marks}, STANDARD).score == pytest.approx(100 * (2 - 0.11) / 2)


def test_a_folder_without_labels_or_with_labels_that_fit_no_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Reject, match="no_labels"):
        load(tmp_path)
    (tmp_path / "labels").mkdir()
    (tmp_path / "data").mkdir()
    labels = tmp_path / "labels" / "combined_windows.json"
    labels.write_text("{}")
    with pytest.raises(Reject, match="no_series"):
        load(tmp_path)
    (tmp_path / "data" / "x.csv").write_text("timestamp,value\n2014-01-01 00:00:00,1\n")
    labels.write_text(json.dumps({"x.csv": [["2015-01-01 00:00:00.000000", "2015-01-02 00:00:00.000000"]]}))
    corpus = load(tmp_path)
    with pytest.raises(Reject, match="no_such_row"):
        corpus.at({"x.csv": np.zeros(1)}, STANDARD, 0.5)


def test_the_published_scores_of_the_null_and_the_windowed_gaussian_detector_are_reproduced() -> None:
    folder = real("nab")
    corpus, standard = load(folder), profiles(folder)[0]
    assert corpus.best({file.name: null(file.time, file.value) for file in corpus.files}, standard).score == 0
    found = {file.name: gaussian(file.time, file.value) for file in corpus.files}
    assert corpus.best(found, standard).score == pytest.approx(21.97, abs=0.005)
