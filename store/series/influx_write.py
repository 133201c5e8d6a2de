"""Batches into InfluxDB: lines in requests of bounded size, what is refused found and left out, quality kept true."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from schema.batch import Batch
from schema.series import SeriesKey
from store.series import influx_ql as ql
from store.series.influx_http import Http, Refused
from store.series.influx_lines import QUALITY_SUFFIX, Vocabulary, Wording
from store.series.influx_settings import CONNECTIONS
from store.series.port import PartialWrite

# Half of InfluxDB's default max-body-size of 25 MB.
_BODY = 12_000_000
# A row costs the server a fifth less than in requests of 5,000.
_ROWS = 25_000
_NEVER = np.iinfo(np.int64).min
_CONFLICT = re.compile(r'input field \\*"(?P<field>.*?)\\*" on measurement \\*"(?P<measurement>.*?)\\*" is type')
_DROPPED = re.compile(r"dropped=(\d+)")


class Writing:
    """Writes batches through `post`, which stores one request of lines or raises Refused, in threads; thread-safe.

    A value says its quality in a field of its own only where it is not MEASURED, or where a MEASURED value may replace
    one that was not; for the latter one process writes a series.
    """

    def __init__(self, http: Http, post: Callable[[bytes], None], pool: Executor) -> None:
        self._http = http
        self._post = post
        self._pool = pool
        self._vocabulary = Vocabulary()
        self._lock = threading.Lock()
        self._flagged: dict[SeriesKey, int] = {}
        self._flags_known: set[str] = set()

    def write(self, batch: Batch) -> None:
        """See SeriesStore; refused are also ids that line protocol cannot say and instants InfluxDB cannot hold."""
        wording = self._vocabulary.wording(batch.keys)
        good = wording.storable(batch)
        rows = np.flatnonzero(good)
        refused = [np.flatnonzero(~good)] if len(rows) < len(batch) else []
        details = ["not a finite number, or an id or instant that cannot be stored"] if refused else []
        if len(rows):
            rows = wording.in_order(batch, rows)
            marked = self._marked(batch.take(rows))
            sent = self._pool.map(
                lambda part: list(self._send(wording, batch, rows[part], marked[part])), _parts(len(rows))
            )
            for lost, detail in chain.from_iterable(sent):
                refused.append(lost)
                details.append(detail)
        if refused:
            raise PartialWrite(np.unique(np.concatenate(refused)), "; ".join(dict.fromkeys(details))[:500])

    def _send(
        self, wording: Wording, batch: Batch, rows: NDArray[np.intp], marked: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.intp], str]]:
        """Store rows; what the server will never take, with its reason. Ends: every repeat sends fewer rows."""
        part = batch.take(rows)
        body, sent = wording.lines(part, marked)
        if len(body) <= _BODY or len(rows) == 1:
            try:
                self._post(body)
            except Refused as refusal:
                lost = _lost(str(refusal), part, sent)
                if lost.any():
                    yield rows[lost], str(refusal)
                    if not lost.all():
                        yield from self._send(wording, batch, rows[~lost], marked[~lost])
                    return
            else:
                return
        middle = len(rows) // 2
        yield from self._send(wording, batch, rows[:middle], marked[:middle])
        yield from self._send(wording, batch, rows[middle:], marked[middle:])

    def _marked(self, batch: Batch) -> NDArray[np.bool_]:
        """Which rows have to say their quality."""
        flagged = batch.quality > 0
        with self._lock:
            for kind in {key.kind for key in batch.keys} - self._flags_known:
                self._load_flags(kind)
            for code in np.unique(batch.code[flagged]).tolist():
                newest = int(batch.time[flagged & (batch.code == code)].max())
                self._flagged[batch.keys[code]] = max(newest, self._flagged.get(batch.keys[code], _NEVER))
            if not self._flagged:
                return flagged
            until = np.array([self._flagged.get(key, _NEVER) for key in batch.keys], np.int64)
        return np.asarray(flagged | (batch.time <= until[batch.code]))

    def _load_flags(self, kind: str) -> None:
        fields = [field for _, field in self._http.fields(kind) if field.endswith(QUALITY_SUFFIX)]
        for field in fields:
            (result,) = self._http.query(ql.select(f"last({ql.name(field)})", kind, ()))
            for table in result.series:
                self._flagged[table.key(field.removesuffix(QUALITY_SUFFIX))] = int(table.numbers()[0, 0])
        self._flags_known.add(kind)


def _parts(rows: int) -> list[slice]:
    """Requests alike in size: one, or as many for every connection, so that none is left with nothing to do."""
    count = 1 if rows <= _ROWS else CONNECTIONS * -(-rows // (CONNECTIONS * _ROWS))
    bounds = np.linspace(0, rows, count + 1).astype(int).tolist()
    return [slice(first, last) for first, last in pairwise(bounds)]


def _lost(message: str, part: Batch, sent: int) -> NDArray[np.bool_]:
    """The rows that a refusal names or that it shows to be refused; none where it leaves that open."""
    if len(part) == 1:
        return np.ones(1, bool)
    if conflict := _CONFLICT.search(message):
        named = [key.point == conflict["field"] and key.kind == conflict["measurement"] for key in part.keys]
        return np.asarray(np.array(named, bool)[part.code])
    dropped = _DROPPED.search(message)
    return np.full(len(part), dropped is not None and int(dropped[1]) == sent)
