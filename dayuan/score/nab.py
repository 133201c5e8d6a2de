"""How good the detection is on the Numenta Anomaly Benchmark, beside rivals in the same run."""

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from analytics.novelty.follow import scores
from analytics.novelty.surprise import FLAG
from analytics.score.nab import Corpus, Labelled, Profile, load, profiles
from analytics.score.rivals import Rival
from analytics.score.rivals import rivals as every_rival

OURS = "dayuan"

Scorer = Callable[[Labelled], NDArray[np.float64]]


def measure(folder: Path, *, rivals: bool) -> dict[str, Any]:
    """By detector: scores at the best threshold and, ours, at the shipped one, by profile and category; time."""
    corpus, every = load(folder), profiles(folder)
    detectors: dict[str, Scorer] = {OURS: lambda file: np.array(scores(file.rows))}
    if rivals:
        for name, rival in every_rival().items():
            detectors[name] = partial(_run, rival)
    result: dict[str, Any] = {
        "files": len(corpus.files),
        "readings": sum(len(file.rows) for file in corpus.files),
        "windows": sum(len(file.windows) for file in corpus.files),
        "shipped_threshold": FLAG,
        "detectors": {},
    }
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=len(detectors) * len(corpus.files))
        for name, scorer in detectors.items():
            progress.update(task, description=name)
            found, began = {}, time.process_time()
            for file in corpus.files:
                found[file.name] = scorer(file)
                progress.advance(task)
            seconds = time.process_time() - began
            shipped = FLAG if name == OURS else None
            result["detectors"][name] = {
                "us_per_reading": round(seconds / result["readings"] * 1e6, 2),
                "profiles": {profile.name: _scored(corpus, found, profile, shipped) for profile in every},
                "categories": {
                    category: _scored(corpus.of(category), found, every[0], shipped) for category in corpus.categories
                },
            }
    return result


def _run(rival: Rival, file: Labelled) -> NDArray[np.float64]:
    return rival(file.time, np.nan_to_num(file.value))


def _scored(
    corpus: Corpus, found: Mapping[str, NDArray[np.float64]], profile: Profile, shipped: float | None
) -> dict[str, Any]:
    """At the best threshold for this corpus, and at the shipped one; None where there is no window to find."""
    if not any(file.windows for file in corpus.files):
        alarms = sum(int((found[file.name][file.probation :] >= (shipped or np.inf)).sum()) for file in corpus.files)
        return {"optimised": None, "threshold": None, "shipped": None, "false_alarms": alarms if shipped else None}
    best = corpus.best(found, profile)
    return {
        "optimised": round(best.score, 2),
        "threshold": round(best.threshold, 6) if np.isfinite(best.threshold) else None,
        "shipped": round(corpus.at(found, profile, shipped), 2) if shipped else None,
    }


def table(result: dict[str, Any]) -> list[Table]:
    """For people: by profile, with rivals; then ours by category."""
    names = list(result["detectors"][OURS]["profiles"])
    title = f"{result['files']} files, {result['readings']} readings, {result['windows']} windows"
    every = Table("", *(name.replace("_", " ") for name in names), "us/reading", title=title)
    for name, scored in result["detectors"].items():
        cells = [
            f"{cell['optimised']:.2f}" + (f" ({cell['shipped']:.2f})" if cell["shipped"] is not None else "")
            for cell in scored["profiles"].values()
        ]
        every.add_row(name, *cells, f"{scored['us_per_reading']:.1f}")
    every.caption = "at the threshold that serves best (at the one shipped)"
    parts = Table("", "optimised", "shipped", title=f"{OURS}, {names[0]}, each category by itself")
    for category, cell in result["detectors"][OURS]["categories"].items():
        if cell["optimised"] is None:
            parts.add_row(category, "no windows", f"{cell['false_alarms']} false alarms")
        else:
            parts.add_row(category, f"{cell['optimised']:.2f}", f"{cell['shipped']:.2f}")
    return [every, parts]
