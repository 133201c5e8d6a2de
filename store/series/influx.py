"""The InfluxDB store: measurement = kind, tags = site, building, device, field = point, always a float."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schema.batch import Batch
from schema.errors import Stop
from schema.instant import DAY, HOUR
from schema.series import SeriesKey
from store.series import influx_ql as ql
from store.series.influx_client import ClientWriter
from store.series.influx_http import Http
from store.series.influx_lines import QUALITY_SUFFIX
from store.series.influx_memo import STATEMENTS, WEEK, Memo, Shards, weeks
from store.series.influx_settings import CONNECTIONS, InfluxSettings
from store.series.influx_write import Writing
from store.series.port import Aggregate

log = logging.getLogger(__name__)

_DEVICES = 250


class InfluxStore:
    """A SeriesStore in an InfluxDB 1.x, 2.x or 3.x; several processes may share it, one of them writing a series."""

    keeps_ranks = False

    def __init__(self, settings: InfluxSettings) -> None:
        self._database = settings.database
        self._http = Http(settings)
        self._client = ClientWriter(settings) if settings.version > 1 else None
        self._memo = Memo() if settings.version == 1 else None
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="influx")
        self._writing = Writing(self._http, self._client.write if self._client else self._http.write, self._pool)
        # The newest instant of each series never goes back, so what was seen bounds the next search.
        self._seen: dict[SeriesKey, int] = {}

    def write(self, batch: Batch) -> Batch:
        """See SeriesStore; refused are also ids that line protocol cannot say and instants InfluxDB cannot hold."""
        self._writing.write(batch)
        return Batch.empty()

    def series(self, site: str | None = None) -> list[SeriesKey]:
        """See SeriesStore."""
        of_site = [f"site = {ql.text(site)}"] if site is not None else []
        fields = [(kind, field) for kind, field in self._http.fields() if not field.endswith(QUALITY_SUFFIX)]
        results = self._ask([ql.select(f"first({ql.name(point)})", kind, of_site) for kind, point in fields])
        pairs = zip(fields, results, strict=True)
        found = {table.key(point) for (_, point), result in pairs for table in result.series}
        return sorted(key for key in found if all(key))

    def latest(self, keys: Sequence[SeriesKey]) -> Batch:
        """See SeriesStore."""
        found: dict[SeriesKey, tuple[int, float, int]] = {}
        # A search through all shards took 1.4 s for 1000 series over a year, a bounded one 0.04 s.
        seen = {key: self._seen[key] for key in keys if key in self._seen}
        self._recent(keys, f"{max(seen.values()) - HOUR}u" if seen else f"now() - {HOUR}u", found)
        if seen:
            quiet = [key for key in seen if key not in found]
            self._edge(quiet, [f"time >= {min((seen[key] for key in quiet), default=0)}u"], "DESC", found)
        else:
            self._edge(keys, [f"time >= now() - {30 * DAY}u"], "DESC", found)
        self._edge(keys, [], "DESC", found)
        self._seen |= {key: row[0] for key, row in found.items()}
        rows = [(code, *found[key]) for code, key in enumerate(keys) if key in found]
        return _batch(keys, [np.array(rows, np.float64).reshape(-1, 4)])

    def read(self, keys: Sequence[SeriesKey], start: int, end: int, *, margin: int = 0) -> Batch:
        """See SeriesStore."""
        code = {key: place for place, key in enumerate(keys)}
        spans = weeks(start, end) if end - start > 4 * WEEK else [(start, end)]
        asked = [(kind, point, group, span) for kind, point, group in _groups(keys) for span in spans]
        results = self._ask(
            [ql.select(_value(point), kind, (_within(*span), ql.devices(group))) for kind, point, group, span in asked]
        )
        tables = [
            (code[key], table.values)
            for (_, point, _, _), result in zip(asked, results, strict=True)
            for table in result.series
            if (key := table.key(point)) in code
        ]
        parts = [_rows(tables)]
        if margin:
            parts.append(self._margins(keys, start, end, margin))
        return _batch(keys, parts)

    def aggregate(self, keys: Sequence[SeriesKey], start: int, end: int, every: int) -> Aggregate:
        """See SeriesStore."""
        asked = tuple(keys)
        if DAY % every or end - start <= 2 * WEEK:
            return _aggregate(asked, self._buckets(asked, [(start, end)], every))
        spans = weeks(start, end)
        shards = self._shards()
        stamps = {span: shards.stamp(*span) if shards and span[1] - span[0] == WEEK else None for span in spans}
        answers: dict[tuple[int, int], Aggregate] = {}
        for span, stamp in stamps.items():
            if self._memo and stamp and (kept := self._memo.get(asked, every, span[0], stamp)):
                answers[span] = kept
        missing = [span for span in spans if span not in answers]
        for span, answer in zip(missing, self._buckets(asked, missing, every), strict=True):
            answers[span] = answer
            if self._memo and (stamp := stamps[span]):
                self._memo.put(every, span[0], stamp, answer)
        return _aggregate(asked, [answers[span] for span in spans])

    def close(self) -> None:
        """Release the connections."""
        self._pool.shutdown()
        self._http.close()
        if self._client:
            self._client.close()

    def _shards(self) -> Shards | None:
        if self._memo is None:
            return None
        try:
            return Shards.of(self._http.query(*STATEMENTS), self._database)
        except Stop as error:
            log.info("long aggregates are not kept in memory: the InfluxDB user is not its admin (%s)", error)
            self._memo = None
            return None

    def _ask(self, statements: Sequence[str]) -> list[ql.Result]:
        """The answers to all statements, shared out over the connections."""
        lots = [statements[first::CONNECTIONS] for first in range(min(CONNECTIONS, len(statements)))]
        if len(lots) <= 1:
            return self._http.query(*statements) if statements else []
        answers = list(self._pool.map(lambda lot: self._http.query(*lot), lots))
        return [answers[place % len(lots)][place // len(lots)] for place in range(len(statements))]

    def _recent(self, keys: Sequence[SeriesKey], since: str, found: dict[SeriesKey, tuple[int, float, int]]) -> None:
        """Add to `found` the newest reading since an instant of each series, unless busier ones crowd it out."""
        # A table a series took the server 45 ms for 1000 series, one table of their newest readings 25 ms.
        groups = list(_groups(keys))
        asked = [
            ql.newest(_value(point), kind, (f"time >= {since}", ql.devices(group)), 2 * len(group))
            for kind, point, group in groups
        ]
        for (kind, point, group), result in zip(groups, self._ask(asked), strict=True):
            wanted = set(group)
            for time, value, quality, *tags in chain.from_iterable(table.values for table in result.series):
                site, building, device = (str(tag) for tag in tags)
                key = SeriesKey(site, building, kind, device, point)
                if key in wanted and key not in found and value is not None:
                    found[key] = (time, value, int(quality or 0))

    def _edge(
        self,
        keys: Sequence[SeriesKey],
        conditions: list[str],
        order: str,
        found: dict[SeriesKey, tuple[int, float, int]],
    ) -> None:
        """Add to `found` the first reading in `order` of each series it lacks."""
        groups = list(_groups([key for key in keys if key not in found]))
        first = f"{ql.TAGS} ORDER BY time {order} LIMIT 1"
        asked = [
            ql.select(_value(point), kind, (*conditions, ql.devices(group)), first) for kind, point, group in groups
        ]
        for (_, point, group), result in zip(groups, self._ask(asked), strict=True):
            wanted = set(group)
            for table in result.series:
                if (key := table.key(point)) in wanted:
                    time, value, quality = table.values[0]
                    found[key] = (time, value, int(quality or 0))

    def _margins(self, keys: Sequence[SeriesKey], start: int, end: int, count: int) -> NDArray[np.float64]:
        """Up to `count` readings of each series on either side of [start, end), searched for nearby first."""
        before = [_within(start - DAY, start), _within(start - 30 * DAY, start), f"time < {start}u"]
        after = [_within(end, end + DAY), _within(end, end + 30 * DAY), f"time >= {end}u"]
        code = {key: place for place, key in enumerate(keys)}
        parts = []
        for spans, order in ((before, "DESC"), (after, "ASC")):
            missing = set(keys)
            for span in spans:
                groups = list(_groups([key for key in keys if key in missing]))
                first = f"{ql.TAGS} ORDER BY time {order} LIMIT {count}"
                results = self._ask(
                    [ql.select(_value(point), kind, (span, ql.devices(of)), first) for kind, point, of in groups]
                )
                tables = [
                    (key, table.values)
                    for (_, point, _), result in zip(groups, results, strict=True)
                    for table in result.series
                    if (key := table.key(point)) in missing and (len(table.values) == count or span == spans[-1])
                ]
                parts.append(_rows([(code[key], values) for key, values in tables]))
                missing -= {key for key, _ in tables}
        return np.concatenate(parts)

    def _buckets(self, keys: tuple[SeriesKey, ...], spans: list[tuple[int, int]], every: int) -> list[Aggregate]:
        """One answer a span."""
        code = {key: place for place, key in enumerate(keys)}
        groups = list(_groups(keys))
        grouped = f"time({every}u), {ql.TAGS} fill(none)"
        asked = [
            ql.select(_summary(point), kind, (_within(*span), ql.devices(group)), grouped)
            for span in spans
            for kind, point, group in groups
        ]
        results = iter(self._ask(asked))
        answers = []
        for _ in spans:
            tables = []
            for _, point, _ in groups:
                for table in next(results).series:
                    if (key := table.key(point)) in code:
                        numbers = table.numbers()
                        tables.append(np.column_stack([np.full(len(numbers), code[key]), numbers]))
            answers.append(_columns(keys, np.concatenate(tables) if tables else np.zeros((0, 6))))
        return answers


def _groups(keys: Sequence[SeriesKey]) -> Iterator[tuple[str, str, list[SeriesKey]]]:
    """(kind, point, keys) for one statement each."""
    groups: defaultdict[tuple[str, str], list[SeriesKey]] = defaultdict(list)
    for key in keys:
        groups[key.kind, key.point].append(key)
    for (kind, point), members in groups.items():
        for first in range(0, len(members), _DEVICES):
            yield kind, point, members[first : first + _DEVICES]


def _value(point: str) -> str:
    return f"{ql.name(point)}, {ql.name(point + QUALITY_SUFFIX)}"


def _summary(point: str) -> str:
    return ", ".join(f"{function}({ql.name(point)})" for function in ("mean", "min", "max", "count"))


def _within(start: int, end: int) -> str:
    return f"time >= {start}u AND time < {end}u"


def _rows(tables: list[tuple[int, list[list[Any]]]]) -> NDArray[np.float64]:
    """(code, time, value, quality) of tables of _value."""
    numbers = np.array(list(chain.from_iterable(values for _, values in tables)), np.float64).reshape(-1, 3)
    codes = np.repeat([float(code) for code, _ in tables], [len(values) for _, values in tables])
    held = np.isfinite(numbers[:, 1])
    return np.column_stack([codes, np.nan_to_num(numbers)])[held]


def _batch(keys: Sequence[SeriesKey], parts: list[NDArray[np.float64]]) -> Batch:
    rows = np.concatenate(parts) if parts else np.zeros((0, 4))
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return Batch.of(
        keys, rows[:, 0].astype(np.int32), rows[:, 1].astype(np.int64), rows[:, 2], rows[:, 3].astype(np.uint8)
    )


def _columns(keys: tuple[SeriesKey, ...], rows: NDArray[np.float64]) -> Aggregate:
    code, time, mean, low, high, count = rows.T
    return Aggregate(keys, code.astype(np.int32), time.astype(np.int64), mean, low, high, count.astype(np.int64))


def _aggregate(keys: tuple[SeriesKey, ...], parts: list[Aggregate]) -> Aggregate:
    """Parts in order of time as one, ordered by series and time."""
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("code", "time", "mean", "low", "high", "count")
    ]
    order = np.argsort(columns[0], kind="stable")
    return Aggregate(keys, *(column[order] for column in columns))
