"""Detection: every detector of this package over every batch, and the state they keep between batches."""

import importlib
import logging
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec
import numpy as np

from analytics.detect import engine
from analytics.detect.core import Context, Detector, HourDetector, Layout, Rule, State, shape_of
from analytics.detect.expectation import SITES
from analytics.detect.register import RULE as REGISTER
from analytics.detect.register import Odd, register
from analytics.detect.silent import RULE as SILENT
from analytics.detect.silent import Watch, silent
from schema.batch import Batch
from schema.errors import Stop
from schema.finding import Finding
from schema.series import SeriesKey

log = logging.getLogger(__name__)

_SHARED_FILES = frozenset(
    {"arrays", "core", "engine", "expectation", "explain", "hours", "limits", "register", "silent"}
)


@cache
def detectors() -> dict[str, Detector | HourDetector]:
    """Every streaming detector by name; a duplicate name, or a file that declares no DETECTOR, ends with Stop."""
    found: dict[str, Detector | HourDetector] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name in _SHARED_FILES:
            continue
        declared = importlib.import_module(f"{__name__}.{module.name}")
        detector: Detector | HourDetector | None = getattr(declared, "DETECTOR", None)
        if detector is None:
            raise Stop(f"analytics/detect/{module.name}.py declares no DETECTOR; see analytics/detect/core.py")
        if detector.rule.name in found:
            raise Stop(f"two detectors are named {detector.rule.name!r}; rename the one in {module.name}.py")
        found[detector.rule.name] = detector
    return found


def rules() -> dict[str, Rule]:
    """What can be found, by name, with its words."""
    return {SILENT.name: SILENT, REGISTER.name: REGISTER} | {
        name: detector.rule for name, detector in detectors().items()
    }


class _Cells(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Saved(msgspec.Struct):
    tables: dict[str, tuple[list[SeriesKey], dict[str, _Cells]]]
    quiet: list[SeriesKey]
    odd: list[tuple[SeriesKey, Odd]] = []


class Detection:
    """The live detectors with their state; one thread at a time."""

    def __init__(self, among: Mapping[str, Detector | HourDetector] | None = None) -> None:
        self.detectors = engine.Detectors(detectors() if among is None else among)
        self.tables = engine.Tables()
        self.cold = True
        """Whether nothing was restored: what is stored is to be replayed."""
        self._quiet: frozenset[SeriesKey] = frozenset()
        self._odd: dict[SeriesKey, Odd] = {}

    def update(self, batch: Batch, context: Context) -> list[Finding]:
        """Score a batch with every detector, then learn from it; findings in the order of their evidence."""
        return engine.advance(self.tables, batch, context, self.detectors)

    def registers(self, told: Batch, context: Context) -> list[Finding]:
        """What intervals (quality and rule in one mark) say of the registers they were settled from."""
        self._odd, findings = register(self._odd, told, context)
        return findings

    def silent(self, watches: Sequence[Watch], context: Context) -> list[Finding]:
        """Which devices fell silent, or speak again, by the clock of the context."""
        self._quiet, findings = silent(self._quiet, watches, context)
        return findings

    def state_bytes(self) -> int:
        """What is remembered, in bytes."""
        return sum(cells.nbytes for state in self._named().values() for cells in state.columns.values())

    def dump(self) -> bytes:
        """All state, for `load`."""
        tables = {
            name: (
                list(state.keys),
                {
                    column: _Cells(cells.dtype.str, cells.shape, cells.tobytes())
                    for column, cells in state.columns.items()
                },
            )
            for name, state in self._named().items()
        }
        return msgspec.msgpack.encode(_Saved(tables, sorted(self._quiet), sorted(self._odd.items())))

    @classmethod
    def load(cls, data: bytes | None) -> "Detection":
        """The detection that was dumped; `cold` where it cannot be read, or is of another layout."""
        detection = cls()
        if data is None:
            return detection
        try:
            saved = msgspec.msgpack.decode(data, type=_Saved)
        except msgspec.MsgspecError as error:
            log.warning("detector state is unreadable: %s", error)
            return detection
        found = {
            name: _restored(layout, *saved.tables.get(name, ([], {}))) for name, layout in detection._layouts().items()
        }
        others = [name for name, state in found.items() if state is None]
        if others:
            log.warning("detector state is of another version: %s", ", ".join(others))
            return detection
        known = {name: state for name, state in found.items() if state is not None}
        detection.tables = engine.Tables(known.pop(_SERIES), known.pop(_SITES))
        for name, state in known.items():
            detection.tables.of[name] = engine.placed(detection.tables, name, detection.detectors, state)
        detection._quiet, detection._odd, detection.cold = frozenset(saved.quiet), dict(saved.odd), False
        return detection

    def _named(self) -> dict[str, State]:
        return {_SERIES: self.tables.series, _SITES: self.tables.sites} | self.tables.of

    def _layouts(self) -> dict[str, Layout]:
        every = {name: engine.layout_of(detector) for name, detector in self.detectors.every.items()}
        return {_SERIES: engine.SERIES, _SITES: SITES} | every


_SERIES, _SITES = "(series)", "(sites)"


def _restored(layout: Layout, keys: list[SeriesKey], cells: dict[str, _Cells]) -> State | None:
    """The state under a layout, or None where what was saved is not what is kept today."""
    if not keys:
        return State()
    columns = {}
    for name, (dtype, width, _, _) in layout.items():
        shape = shape_of(len(keys), width)
        saved = cells.get(name)
        if saved is None or saved.dtype != np.dtype(dtype).str or saved.shape != shape:
            return None
        if len(saved.data) != np.dtype(dtype).itemsize * int(np.prod(shape)):
            return None
        columns[name] = np.frombuffer(saved.data, dtype).reshape(shape).copy()
    return State(tuple(keys), columns, {key: i for i, key in enumerate(keys)})
