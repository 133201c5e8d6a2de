"""Detection: every detector of this package over every batch, and the state they keep between batches."""

import importlib
import logging
import pkgutil
from collections.abc import Sequence
from functools import cache

import msgspec
import numpy as np

from analytics.detect.core import SHARED, Context, Detector, Rule, State, advance, shape_of
from analytics.detect.silent import RULE as SILENT
from analytics.detect.silent import Watch, silent
from schema.batch import Batch
from schema.errors import Stop
from schema.finding import Finding
from schema.series import SeriesKey

log = logging.getLogger(__name__)

_SHARED_FILES = frozenset({"core", "silent"})


@cache
def detectors() -> dict[str, Detector]:
    """Every streaming detector by name; a duplicate name, or a file that declares no DETECTOR, ends with Stop."""
    found: dict[str, Detector] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name in _SHARED_FILES:
            continue
        detector: Detector | None = getattr(importlib.import_module(f"{__name__}.{module.name}"), "DETECTOR", None)
        if detector is None:
            raise Stop(f"analytics/detect/{module.name}.py declares no DETECTOR; see analytics/detect/core.py")
        if detector.rule.name in found:
            raise Stop(f"two detectors are named {detector.rule.name!r}; rename the one in {module.name}.py")
        found[detector.rule.name] = detector
    return found


def rules() -> dict[str, Rule]:
    """What can be found, by name, with its words."""
    return {SILENT.name: SILENT} | {name: detector.rule for name, detector in detectors().items()}


class _Cells(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Saved(msgspec.Struct):
    states: dict[str, tuple[list[SeriesKey], dict[str, _Cells]]]
    quiet: list[SeriesKey]


class Detection:
    """The live detectors with their state; one thread at a time."""

    def __init__(self) -> None:
        self._states = {name: State() for name in detectors()}
        self._quiet: frozenset[SeriesKey] = frozenset()

    def update(self, batch: Batch, context: Context) -> list[Finding]:
        """Score a batch with every detector, then learn from it; findings in the order of their evidence."""
        findings = []
        for name, detector in detectors().items():
            self._states[name], found = advance(detector, self._states[name], batch, context)
            findings += found
        return sorted(findings, key=lambda finding: (finding.end, finding.series, finding.rule))

    def silent(self, watches: Sequence[Watch], context: Context) -> list[Finding]:
        """Which devices fell silent, or speak again, by the clock of the context."""
        self._quiet, findings = silent(self._quiet, watches, context)
        return findings

    def dump(self) -> bytes:
        """All state, for `load`."""
        states = {
            name: (
                list(state.keys),
                {
                    column: _Cells(cells.dtype.str, cells.shape, cells.tobytes())
                    for column, cells in state.columns.items()
                },
            )
            for name, state in self._states.items()
        }
        return msgspec.msgpack.encode(_Saved(states, sorted(self._quiet)))

    @classmethod
    def load(cls, data: bytes | None) -> "Detection":
        """The detection that was dumped; what cannot be read any more is learned anew."""
        detection = cls()
        if data is None:
            return detection
        try:
            saved = msgspec.msgpack.decode(data, type=_Saved)
        except msgspec.MsgspecError as error:
            log.warning("detector state is unreadable and is learned anew: %s", error)
            return detection
        detection._quiet = frozenset(saved.quiet)
        for name, detector in detectors().items():
            keys, cells = saved.states.get(name, ([], {}))
            state = _restored(detector, keys, cells)
            if state is None:
                log.warning("the state of detector %s does not fit this version and is learned anew", name)
            else:
                detection._states[name] = state
        return detection


def _restored(detector: Detector, keys: list[SeriesKey], cells: dict[str, _Cells]) -> State | None:
    """The state of a detector, or None where its columns are not what the detector keeps today."""
    if not keys:
        return State()
    columns = {}
    for name, (dtype, width, _) in {**SHARED, **detector.layout}.items():
        shape = shape_of(len(keys), width)
        saved = cells.get(name)
        if saved is None or saved.dtype != np.dtype(dtype).str or saved.shape != shape:
            return None
        if len(saved.data) != np.dtype(dtype).itemsize * int(np.prod(shape)):
            return None
        columns[name] = np.frombuffer(saved.data, dtype).reshape(shape).copy()
    return State(tuple(keys), columns, {key: i for i, key in enumerate(keys)})
