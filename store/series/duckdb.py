"""The embedded store: one DuckDB file, one process, append-only until a value is replaced."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from schema.batch import Batch
from schema.errors import RetryLater, Stop
from schema.instant import DAY, MINUTE
from schema.series import SeriesKey
from store.series.port import Aggregate, PartialWrite
from store.series.rows import surviving

_TABLES = """
CREATE TABLE IF NOT EXISTS series (sid INTEGER, site VARCHAR, building VARCHAR, kind VARCHAR, device VARCHAR,
  point VARCHAR);
CREATE TABLE IF NOT EXISTS reading (sid INTEGER, time BIGINT, value DOUBLE, quality UTINYINT);
ALTER TABLE reading ADD COLUMN IF NOT EXISTS rank BIGINT DEFAULT 0;
"""
_KEY = SeriesKey._fields
_Columns = dict[str, NDArray[Any]]
_open: set[Path] = set()
# Else it keeps what it wrote or read in memory up to four fifths of the machine's; beyond the limit it sorts on disk.
_MEMORY = "256MB"
_NEVER = np.iinfo(np.int64).min
_NEAR = (20 * MINUTE, DAY)
_EVER = 2**62
_MANY = 10_000
"""Rows from which on it pays to see whether they need be sorted at all."""
_BACKWARD = (
    "SELECT code, unnest(max(time, $count)) AS time, unnest(arg_max(value, time, $count)) AS value, "
    "unnest(arg_max(quality, time, $count)) AS quality FROM reading JOIN asked USING (sid) "
    "WHERE time >= $low AND time < $high GROUP BY code"
)
_STORED = (
    "SELECT late.row, reading.value, reading.quality, reading.rank, reading.rowid AS place FROM reading JOIN late "
    "USING (sid, time) WHERE reading.time BETWEEN (SELECT min(time) FROM late) AND (SELECT max(time) FROM late)"
)
_FORWARD = _BACKWARD.replace("max(", "min(")


class DuckStore:
    """A SeriesStore in the file `path`; a second process that opens it ends with Stop."""

    keeps_ranks = True

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).resolve()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # DuckDB would let one process open a file twice, and each store would trust its own memory of it.
        if self._path in _open:
            raise Stop(f"{path} is already open in this process: pass the open store on")
        try:
            self._db = duckdb.connect(str(path), config={"memory_limit": _MEMORY})
        except duckdb.IOException as error:
            if "lock" in str(error):
                advice = f"{path} is open in another process: end that one, or give every service one InfluxDB"
            else:
                advice = f"{path} cannot be opened: check its folder and rights, or put a backup in its place"
            raise Stop(f"{advice}; {error}") from error
        _open.add(self._path)
        self._writing = threading.Lock()
        self._db.execute(_TABLES)
        rows = self._db.execute("SELECT sid, site, building, kind, device, point FROM series").fetchall()
        self._sids = {SeriesKey(*row[1:]): int(row[0]) for row in rows}
        # The newest reading of every series, in memory: an append needs no look-up, nor does `latest`.
        self._newest = _grown(Batch.empty(), len(rows))
        self._load_newest()

    def write(self, batch: Batch) -> Batch:
        """See SeriesStore; NaN and infinities are refused."""
        finite = np.isfinite(batch.value)
        good = batch if finite.all() else batch.take(finite)
        replaced = Batch.empty()
        if len(good):
            with self._writing, _classed():
                replaced = self._store(good)
        if good is not batch:
            raise PartialWrite(np.flatnonzero(~finite), "the value is not a finite number")
        return replaced

    def series(self, site: str | None = None) -> list[SeriesKey]:
        """See SeriesStore."""
        with self._writing:
            held = self._newest.time > _NEVER
            return sorted(key for key, sid in self._sids.items() if held[sid] and site in (None, key.site))

    def latest(self, keys: Sequence[SeriesKey]) -> Batch:
        """See SeriesStore; from memory."""
        with self._writing:
            code, sids = self._known(keys)
            newest = self._newest
            held = newest.time[sids] > _NEVER
            code, sids = code[held], sids[held]
            return Batch(tuple(keys), code, newest.time[sids], newest.value[sids], newest.quality[sids])

    def read(self, keys: Sequence[SeriesKey], start: int, end: int, *, margin: int = 0) -> Batch:
        """See SeriesStore."""
        found = self._query(
            "SELECT code, time, value, quality FROM reading JOIN asked USING (sid) "
            "WHERE time >= $start AND time < $end ORDER BY code, time",
            keys,
            start=start,
            end=end,
        )
        inside = Batch(tuple(keys), found["code"], found["time"], found["value"], found["quality"])
        if not margin:
            return inside
        beside = [self._edge(keys, margin, start, forward=False), self._edge(keys, margin, end, forward=True)]
        every = Batch.concat([inside, *beside])
        place = {key: code for code, key in enumerate(keys)}
        code = np.array([place[key] for key in every.keys], np.int32)[every.code] if len(every) else every.code
        order = np.lexsort((every.time, code))
        return Batch(tuple(keys), code[order], every.time[order], every.value[order], every.quality[order])

    def _edge(self, keys: Sequence[SeriesKey], count: int, at: int, *, forward: bool) -> Batch:
        """Up to `count` readings of each series next to an instant: before it, or from it on."""
        # How many to keep must be a constant of the statement.
        query = _FORWARD if forward else _BACKWARD
        query = query.replace("$count", str(count))
        parts: list[Batch] = []
        with self._writing:
            code, sids = self._known(keys)
            if forward:
                code = code[self._newest.time[sids] >= at]
        missing = [keys[place] for place in code.tolist()]
        # A search through the whole file is for those that have not so many nearby.
        for reach in (*_NEAR, _EVER):
            if not missing:
                break
            low, high = (at, min(at + reach, _EVER)) if forward else (max(at - reach, -_EVER), at)
            found = self._query(query, missing, low=low, high=high)
            enough = np.bincount(found["code"], minlength=len(missing)) == count
            rows = Batch.of(missing, found["code"], found["time"], found["value"], found["quality"])
            parts.append(rows if reach == _EVER else rows.take(enough[rows.code]))
            missing = [key for key, whole in zip(missing, enough.tolist(), strict=True) if not whole]
        return Batch.concat(parts)

    def aggregate(self, keys: Sequence[SeriesKey], start: int, end: int, every: int) -> Aggregate:
        """See SeriesStore."""
        found = self._query(
            "SELECT code, CAST(floor(time / $every) AS BIGINT) * $every AS bucket, avg(value) AS mean, "
            "min(value) AS low, max(value) AS high, count(*) AS count FROM reading JOIN asked USING (sid) "
            "WHERE time >= $start AND time < $end GROUP BY code, bucket ORDER BY code, bucket",
            keys,
            start=start,
            end=end,
            every=every,
        )
        return Aggregate(
            tuple(keys), found["code"], found["bucket"], found["mean"], found["low"], found["high"], found["count"]
        )

    def close(self) -> None:
        """Release the file."""
        with self._writing:
            self._db.close()
            _open.discard(self._path)

    def _load_newest(self) -> None:
        found = self._db.execute(
            "SELECT sid, max(time) AS time, arg_max(value, time) AS value, arg_max(quality, time) AS quality "
            "FROM reading GROUP BY sid"
        ).fetchnumpy()
        sid = found["sid"]
        self._newest.time[sid] = found["time"]
        self._newest.value[sid] = found["value"]
        self._newest.quality[sid] = found["quality"]

    def _known(self, keys: Sequence[SeriesKey]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(code, sid) of those asked-for keys that exist."""
        pairs = [(code, self._sids[key]) for code, key in enumerate(keys) if key in self._sids]
        codes, sids = np.array(pairs, np.int32).reshape(-1, 2).T
        return np.ascontiguousarray(codes), np.ascontiguousarray(sids)

    def _query(self, query: str, keys: Sequence[SeriesKey], **parameters: int) -> _Columns:
        code, sid = self._known(keys)
        with _classed(), self._db.cursor() as cursor:
            cursor.register("asked", {"code": code, "sid": sid})
            return cursor.execute(query, parameters).fetchnumpy()

    def _store(self, batch: Batch) -> Batch:
        sids = np.array([self._sids.get(key, -1) for key in batch.keys], np.int32)
        fresh = np.flatnonzero((np.bincount(batch.code, minlength=len(sids)) > 0) & (sids < 0))
        sids[fresh] = np.arange(len(self._sids), len(self._sids) + len(fresh))
        names = {batch.keys[code]: int(sids[code]) for code in fresh.tolist()}
        newest = _grown(self._newest, len(fresh))
        columns: _Columns = {
            "sid": sids[batch.code],
            "time": batch.time,
            "value": batch.value,
            "quality": batch.quality,
            "rank": np.zeros(len(batch), np.int64) if batch.rank is None else batch.rank,
        }
        replaced, rows = Batch.empty(), np.arange(0)
        appended = _in_order(columns, newest)
        if not appended:
            rows = surviving(batch, np.arange(len(batch.keys), dtype=np.int32))
            columns = _chosen(columns, rows)
        with self._db.cursor() as cursor:
            # Closing the cursor before COMMIT rolls back.
            cursor.execute("BEGIN")
            if names:
                parts = dict(zip(_KEY, (np.array(part, object) for part in zip(*names, strict=True)), strict=True))
                cursor.register("fresh", {"sid": np.array(list(names.values()), np.int32), **parts})
                cursor.execute("INSERT INTO series SELECT sid, site, building, kind, device, point FROM fresh")
            late = np.arange(0) if appended else np.flatnonzero(columns["time"] <= newest.time[columns["sid"]])
            if len(late):
                idle, old = _replace(cursor, _chosen(columns, late), words=batch.rank is not None)
                place = rows[late[old["row"]]]
                replaced = Batch(batch.keys, batch.code[place], batch.time[place], old["value"], old["quality"])
                columns = _chosen(columns, np.delete(np.arange(len(rows)), late[idle]))
            if len(columns["sid"]):
                cursor.register("batch", columns)
                cursor.execute("INSERT INTO reading SELECT sid, time, value, quality, rank FROM batch")
            cursor.execute("COMMIT")
        self._sids |= names
        # Rows are in time order within a series, and numpy keeps the last of repeated indices.
        if len(late):
            columns = _chosen(columns, columns["time"] >= newest.time[columns["sid"]])
        newest.time[columns["sid"]] = columns["time"]
        newest.value[columns["sid"]] = columns["value"]
        newest.quality[columns["sid"]] = columns["quality"]
        self._newest = newest
        return replaced


def _chosen(columns: _Columns, rows: NDArray[Any]) -> _Columns:
    return {name: column[rows] for name, column in columns.items()}


def _in_order(columns: _Columns, newest: Batch) -> bool:
    """Whether every row is newer than all that is stored or before it, of its series."""
    if len(columns["sid"]) < _MANY:
        return False
    from store.series.order import in_order  # noqa: PLC0415 - few rows are not worth the compiler

    return in_order(columns["sid"], columns["time"], newest.time.copy())


def _replace(cursor: duckdb.DuckDBPyConnection, late: _Columns, *, words: bool) -> tuple[NDArray[np.intp], _Columns]:
    """Rows of `late` that change nothing; and (row, value, quality) of other values that were stored, now deleted."""
    cursor.register("late", {"row": np.arange(len(late["time"])), "sid": late["sid"], "time": late["time"]})
    stored: _Columns = cursor.execute(_STORED).fetchnumpy()
    told = {name: column[stored["row"]] for name, column in late.items()}
    other = told["value"] != stored["value"]
    if words:
        wins = told["rank"] > stored["rank"]
        wins |= (told["rank"] == stored["rank"]) & (told["value"] > stored["value"])
    else:
        wins = other | (told["quality"] != stored["quality"])
    if wins.any():
        cursor.register("stale", {"place": stored["place"][wins]})
        cursor.execute("DELETE FROM reading WHERE rowid IN (SELECT place FROM stale)")
    return stored["row"][~wins], {name: column[wins & other] for name, column in stored.items()}


def _grown(newest: Batch, by: int) -> Batch:
    if not by:
        return newest
    return Batch(
        (),
        newest.code,
        np.append(newest.time, np.full(by, _NEVER)),
        np.append(newest.value, np.zeros(by)),
        np.append(newest.quality, np.zeros(by, np.uint8)),
    )


@contextmanager
def _classed() -> Iterator[None]:
    try:
        yield
    except (duckdb.FatalException, duckdb.InternalException) as error:
        raise Stop(
            f"the embedded store is damaged or its disk failed: free or repair the disk, then restart; {error}"
        ) from error
    except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException) as error:
        raise RetryLater(f"embedded store: {error}", after=5.0) from error
