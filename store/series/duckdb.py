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
"""
_KEY = SeriesKey._fields
_Columns = dict[str, NDArray[Any]]
_open: set[Path] = set()
# Else it keeps what it wrote or read in memory up to four fifths of the machine's; beyond the limit it sorts on disk.
_MEMORY = "256MB"
_NEVER = np.iinfo(np.int64).min
_NEAR = (20 * MINUTE, DAY)
_EVER = 2**62
_BACKWARD = (
    "SELECT code, unnest(max(time, $count)) AS time, unnest(arg_max(value, time, $count)) AS value, "
    "unnest(arg_max(quality, time, $count)) AS quality FROM reading JOIN asked USING (sid) "
    "WHERE time >= $low AND time < $high GROUP BY code"
)
_FORWARD = _BACKWARD.replace("max(", "min(")


class DuckStore:
    """A SeriesStore in the file `path`; a second process that opens it ends with Stop."""

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

    def write(self, batch: Batch) -> None:
        """See SeriesStore; NaN and infinities are refused."""
        finite = np.isfinite(batch.value)
        good = batch if finite.all() else batch.take(finite)
        if len(good):
            with self._writing, _classed():
                self._store(good)
        if good is not batch:
            raise PartialWrite(np.flatnonzero(~finite), "the value is not a finite number")

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

    def _store(self, batch: Batch) -> None:
        rows = surviving(batch, np.arange(len(batch.keys), dtype=np.int32))
        used = np.unique(batch.code)
        fresh = [key for key in (batch.keys[code] for code in used) if key not in self._sids]
        sids = {key: len(self._sids) + offset for offset, key in enumerate(fresh)}
        newest = _grown(self._newest, len(fresh))
        translate = np.zeros(len(batch.keys), np.int32)
        translate[used] = [sids.get(key, self._sids.get(key, -1)) for key in (batch.keys[code] for code in used)]
        columns: _Columns = {
            "sid": translate[batch.code[rows]],
            "time": batch.time[rows],
            "value": batch.value[rows],
            "quality": batch.quality[rows],
        }
        with self._db.cursor() as cursor:
            # Closing the cursor before COMMIT rolls back.
            cursor.execute("BEGIN")
            if fresh:
                names = {
                    name: np.array(column, object) for name, column in zip(_KEY, zip(*fresh, strict=True), strict=True)
                }
                cursor.register("fresh", {"sid": np.array([sids[key] for key in fresh], np.int32), **names})
                cursor.execute("INSERT INTO series SELECT sid, site, building, kind, device, point FROM fresh")
            newer = columns["time"] > newest.time[columns["sid"]]
            late = {name: column[~newer] for name, column in columns.items()}
            wanted = np.concatenate([np.flatnonzero(newer), np.flatnonzero(~newer)[_replace(cursor, late)]])
            if len(wanted):
                cursor.register("batch", {name: column[wanted] for name, column in columns.items()})
                cursor.execute("INSERT INTO reading SELECT sid, time, value, quality FROM batch")
            cursor.execute("COMMIT")
        self._sids |= sids
        # Rows are in time order within a series, and numpy keeps the last of repeated indices.
        latest = np.flatnonzero(columns["time"] >= newest.time[columns["sid"]])
        sid = columns["sid"][latest]
        newest.time[sid] = columns["time"][latest]
        newest.value[sid] = columns["value"][latest]
        newest.quality[sid] = columns["quality"][latest]
        self._newest = newest


def _replace(cursor: duckdb.DuckDBPyConnection, late: _Columns) -> NDArray[np.intp]:
    """Rows of `late` that have to be inserted: the missing ones, and those whose stored value differed, now deleted."""
    if not len(late["time"]):
        return np.zeros(0, np.intp)
    cursor.register("late", {**late, "row": np.arange(len(late["time"]))})
    match = (
        "FROM reading JOIN late USING (sid, time) WHERE reading.time BETWEEN (SELECT min(time) FROM late) "
        "AND (SELECT max(time) FROM late)"
    )
    differs = "(reading.value <> late.value OR reading.quality <> late.quality)"
    found: _Columns = cursor.execute(
        f"SELECT late.row, {differs} AS differs, reading.rowid AS place {match}"
    ).fetchnumpy()
    stale = found["place"][found["differs"]]
    if len(stale):
        cursor.register("stale", {"place": stale})
        cursor.execute("DELETE FROM reading WHERE rowid IN (SELECT place FROM stale)")
    same = np.zeros(len(late["time"]), bool)
    same[found["row"][~found["differs"]]] = True
    return np.flatnonzero(~same)


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
