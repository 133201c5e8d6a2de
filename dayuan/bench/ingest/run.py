"""How fast ingest is, from MQTT QoS 1 through to acknowledged, durable rows: the real service, on real parts.

Publishers and the broker are processes of their own, so that ingest is what is measured; what is lost or there twice is
counted in the store itself when all is over.
"""

import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from dayuan.bench.influxd import free_port, influxd
from dayuan.bench.ingest.publisher import Load, Sent, publish
from dayuan.bench.ingest.shares import Shares
from dayuan.bench.process import cpu_seconds, memory_mb
from dayuan.broker import end, find_mosquitto, launch
from dayuan.child import bound
from schema.errors import Stop
from schema.instant import DAY, now
from store.series.influx_http import Http
from store.series.influx_settings import InfluxSettings

PUBLISHERS = 2
DEVICES = 250
"""Devices a publisher speaks for."""
_ORG = "bench"
_PER_S = {1: 100_000, 10: 60_000, 100: 20_000}
"""More messages/s than can be taken, by readings a message: so many are made before the clock starts."""
_COMPILED = ("ingest.known", "store.series.influx_assembler")
_STAGES = re.compile(r"(\w+) (\d+\.\d+)s")


class Bench(NamedTuple):
    """What one run is asked to be; with a PostgreSQL `server` the registry is a database of its own there."""

    store: str
    per: int
    seconds: float
    processes: int = 1
    rate: float = 0.0
    server: str = ""


class Broker(NamedTuple):
    """A running broker."""

    port: int
    pid: int


def loads(port: int, per: int, seconds: float, rate: float = 0.0) -> list[Load]:
    """The loads of all publishers."""
    ceiling = rate or next(most for least, most in sorted(_PER_S.items(), reverse=True) if per >= least)
    count = int(ceiling * seconds / PUBLISHERS)
    begin = now() - 30 * DAY
    return [
        Load(f"agent{at}", _ORG, port, DEVICES, per, count, seconds, begin, rate=rate / PUBLISHERS)
        for at in range(PUBLISHERS)
    ]


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """A mosquitto with the configuration we ship."""
    program = find_mosquitto()
    if program is None:
        raise Stop("no mosquitto here: `scripts/setup broker`")
    port = free_port()
    process = launch(program, folder, port)
    try:
        yield Broker(port, process.pid)
    finally:
        end(process)


@contextmanager
def registry(server: str) -> Iterator[str]:
    """A new database on a PostgreSQL server, for the block; its address."""
    name = f"dayuan_bench_{secrets.token_hex(4)}"
    try:
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except (SQLAlchemyError, ImportError) as error:
        raise Stop(f"no registry can be made at {server.rpartition('@')[2]}: {error}") from None
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def drive(made: Sequence[Load], started: Callable[[], None] = lambda: None) -> list[Sent]:
    """Run publishers, each in a process, and say what became of their loads; `started` is called before."""
    context = get_context("spawn")
    with ExitStack() as stack:
        pipes = []
        for load in made:
            ours, theirs = context.Pipe()
            process = context.Process(target=publish, args=(load, theirs), daemon=True)
            process.start()
            theirs.close()
            stack.callback(process.join)
            pipes.append(ours)
        try:
            for pipe in pipes:
                pipe.recv()
            started()
            for pipe in pipes:
                pipe.send("go")
            return [pipe.recv() for pipe in pipes]
        except EOFError:
            raise Stop("a publisher died, see above") from None


class Subject:
    """A `dayuan ingest` under measurement."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._log = folder / f"ingest-{len(list(folder.glob('ingest-*.log')))}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DAYUAN_")}
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                bound(sys.executable, "-m", "dayuan", "ingest"),
                cwd=folder,
                env=environment | {f"DAYUAN_{name}": value for name, value in settings.items()} | {"COLUMNS": "1000"},
                stdout=output,
                stderr=output,
            )
        self._begin = 0.0
        self.peak_mb = 0.0
        self.cpu_s = 0.0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def mark(self) -> None:
        """CPU counts from here: announcing the devices counts, starting does not."""
        self._begin = cpu_seconds(self.pid)

    def finish(self) -> None:
        """CPU and memory count up to here; Stop where it has died."""
        if self._process.poll() is not None:
            raise Stop(f"ingest died: {self._log.read_text()[-500:]}")
        self.cpu_s = cpu_seconds(self.pid) - self._begin
        self.peak_mb = memory_mb(self.pid, "VmHWM")

    def wait_until_listening(self) -> None:
        """Returns when it has subscribed."""
        while "listens" not in self._log.read_text():
            if self._process.poll() is not None:
                raise Stop(f"ingest did not start: {self._log.read_text()[-500:]}")
            time.sleep(0.05)

    def stop(self) -> dict[str, float]:
        """End it in good order; the CPU seconds its stages said they took."""
        self._process.terminate()
        self._process.wait(60)
        told = self._log.read_text()
        if "took in" not in told:
            raise Stop(f"ingest did not end in good order: {told[-500:]}")
        return {stage: float(spent) for stage, spent in _STAGES.findall(told.rpartition("took in")[2])}

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()


def measure(bench: Bench, watch: Callable[[float, float], None] | None = None) -> dict[str, Any]:
    """One run; `watch` is told (seconds, MB of the first process) every second."""
    # Compiled once for an installation: that is not what is measured.
    for module in _COMPILED:
        import_module(module)
    with tempfile.TemporaryDirectory(prefix="dayuan-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        mosquitto = stack.enter_context(broker(folder / "broker"))
        parts = {"broker": [mosquitto.pid]}
        url = f"duckdb:///{folder}/readings.duckdb"
        if bench.store == "influxdb":
            server = stack.enter_context(influxd(folder / "influx"))
            url, parts["store"] = server.url, [server.process.pid]
        settings = {"DATA": str(folder), "ORG": _ORG, "BROKER__URL": f"mqtt://127.0.0.1:{mosquitto.port}", "STORE": url}
        if bench.server:
            settings["REGISTRY"] = stack.enter_context(registry(bench.server))
        subjects: list[Subject] = []
        for number in range(1, bench.processes + 1):
            subject = Subject(folder, settings | {"INGEST__PART": f"{number}/{bench.processes}"})
            stack.callback(subject.kill)
            subject.wait_until_listening()
            subject.mark()
            subjects.append(subject)
        over = threading.Event()
        counts: list[Shares] = []

        def started() -> None:
            counts.append(Shares({"ingest": [subject.pid for subject in subjects], **parts}))
            if watch is not None:
                threading.Thread(target=_watch, args=(subjects[0], watch, over), daemon=True).start()

        try:
            sent = drive(loads(mosquitto.port, bench.per, bench.seconds, bench.rate), started)
        finally:
            over.set()
        shares = counts[0].cores(publishers=sum(part.cpu_s for part in sent))
        for subject in subjects:
            subject.finish()
        stages: dict[str, float] = {}
        for told in [subject.stop() for subject in subjects]:
            stages = {stage: round(stages.get(stage, 0.0) + spent, 2) for stage, spent in told.items()}
        return _result(bench, sent, subjects, stages, _stored(url)) | {"cpu_share": shares}


def _watch(subject: Subject, watch: Callable[[float, float], None], over: threading.Event) -> None:
    begin = time.monotonic()
    while not over.wait(1.0):
        watch(time.monotonic() - begin, memory_mb(subject.pid))


def _result(
    bench: Bench, sent: list[Sent], subjects: list[Subject], stages: dict[str, float], stored: tuple[int, int]
) -> dict[str, Any]:
    count = sum(part.messages for part in sent)
    seconds = max(part.last for part in sent) - min(part.first for part in sent)
    cpu = sum(subject.cpu_s for subject in subjects)
    rows, distinct = stored
    return {
        "store": bench.store,
        "registry": "postgresql" if bench.server else "sqlite",
        "processes": bench.processes,
        "readings_per_message": bench.per,
        "messages": count,
        "seconds": round(seconds, 2),
        "messages_per_s": round(count / seconds),
        "readings_per_s": round(count * bench.per / seconds),
        "cpu_s": {"total": round(cpu, 2), **stages},
        "messages_per_cpu_s": round(count / cpu),
        "cpu_us_per_message": round(cpu / count * 1e6, 1),
        "peak_rss_mb": round(max(subject.peak_mb for subject in subjects)),
        "unacknowledged": count - sum(part.acknowledged for part in sent),
        "lost": count * bench.per - distinct,
        "duplicated": rows - distinct,
    }


def _stored(url: str) -> tuple[int, int]:
    """(rows, distinct (series, time)) in the store; InfluxDB keeps one row of each by its nature."""
    if url.startswith("duckdb"):
        with duckdb.connect(url.removeprefix("duckdb:///"), read_only=True) as database:
            found = database.execute("SELECT count(*), count(DISTINCT (sid, time)) FROM reading").fetchone()
        return (int(found[0]), int(found[1])) if found else (0, 0)
    http = Http(InfluxSettings.of(url), timeout=300.0)
    (result,) = http.query('SELECT count(*) FROM "electricity_meter"')
    http.close()
    rows = sum(int(count) for table in result.series for count in table.values[0][1:])
    return rows, rows
