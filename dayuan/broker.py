"""Mosquitto as a child process, with the configuration that keeps what it has acknowledged."""

import errno
import logging
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from dayuan.child import bound
from schema.errors import Stop

log = logging.getLogger(__name__)

# The defaults lose what was acknowledged: 1000 messages are queued for an absent subscriber, saved every 30 minutes.
_CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {directory}/
autosave_interval 1
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 20000
message_size_limit 67108864
set_tcp_nodelay true
connection_messages false
log_dest stderr
log_type error
log_type warning
"""
_CHECKOUT = Path(__file__).parent.parent
_START = 10.0
_GRACE = 10.0
_LONGEST_PAUSE = 30.0


def find_mosquitto(*places: Path) -> Path | None:
    """The mosquitto program: DAYUAN_MOSQUITTO, else on the path, in /usr/sbin, or unpacked in `.tools` of a place.

    The checkout is always one of the places.
    """
    if named := os.environ.get("DAYUAN_MOSQUITTO"):
        return Path(named) if os.access(named, os.X_OK) else None
    folders = ["/usr/sbin", "/usr/local/sbin", *(str(place / ".tools/usr/sbin") for place in (_CHECKOUT, *places))]
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(folders))
    return Path(found) if found else None


def launch(program: Path, directory: Path, port: int) -> subprocess.Popen[bytes]:
    """Mosquitto on 127.0.0.1:port, accepting, its files in `directory`; Stop when it does not start."""
    directory.mkdir(parents=True, exist_ok=True)
    configuration = _CONFIGURATION.format(port=port, directory=directory.resolve())
    if os.geteuid() == 0:
        # As another user, mosquitto's default, it could not write here and would outlive us.
        configuration += "user root\n"
    config = directory / "mosquitto.conf"
    config.write_text(configuration)
    wait_until_free(port)
    try:
        return _start(program, config, port)
    except Stop as stop:
        saved = directory / "mosquitto.db"
        if "database" not in str(stop) or not saved.exists():
            raise
        aside = saved.replace(directory / "mosquitto.db.damaged")
        log.error("what the broker had saved is damaged and now in %s; agents send again what it held", aside)  # noqa: TRY400
        return _start(program, config, port)


def version(program: Path) -> str:
    """What a mosquitto says it is."""
    told = subprocess.run([str(program), "-h"], capture_output=True, text=True, check=False, env=_libraries(program))  # noqa: S603
    return told.stdout.partition("\n")[0].strip()


def _libraries(program: Path) -> dict[str, str]:
    """The environment that lets an unpacked mosquitto find what it was unpacked with."""
    environment = dict(os.environ)
    if ".tools" in program.parts:
        libraries = (program.parent.parent / "lib").glob("*-linux-*")
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, libraries))
    return environment


def _start(program: Path, config: Path, port: int) -> subprocess.Popen[bytes]:
    logfile = config.with_suffix(".log")
    with logfile.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the program is found or named by the operator
            # With SIGTERM it saves its queue.
            bound(str(program), "-c", str(config)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_libraries(program),
            # Ctrl-C is for us, who end the broker last.
            process_group=0,
        )
    deadline = time.monotonic() + _START
    while not _accepts(port):
        if process.poll() is not None or time.monotonic() > deadline:
            end(process)
            words = logfile.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise Stop(f"mosquitto did not start: {words[0]}; see {logfile}")
        time.sleep(0.01)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, upon which it saves its queue; SIGKILL after a grace."""
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_free(port: int, patience: float = 3.0) -> None:
    """Returns when 127.0.0.1:port can be listened on (a broker that is ending needs a moment); else Stop."""
    deadline = time.monotonic() + patience
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except PermissionError as error:
                raise Stop(f"port {port} needs root: choose one above 1023 for the broker") from error
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    advice = "end the program that has it, choose another port, or set the broker's url to use that one"
                    raise Stop(f"port {port} of 127.0.0.1 is taken ({error.strerror}): {advice}") from error
            else:
                return
        time.sleep(0.05)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """`with Broker(directory, port):` runs mosquitto for the block, and starts it again when it dies.

    Entering raises Stop when there is none, or it cannot start. `on_restart` is called in a thread of ours.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 1883,
        program: Path | None = None,
        on_restart: Callable[[], None] | None = None,
    ) -> None:
        self._directory = directory
        self._port = port
        self._program = program
        self._on_restart = on_restart
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: Stop | None = None
        self._ending = threading.Event()
        self._started = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"mqtt://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        program = self._program or find_mosquitto(Path.cwd(), self._directory)
        if program is None:
            raise Stop("no mosquitto here: apt-get install mosquitto, or set the broker's url to one that runs")
        # The kernel ends the child with the thread that launched it, so one thread launches, and lives on.
        self._thread = threading.Thread(target=self._supervise, args=(program,), name="mosquitto", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._process is not None:
            end(self._process)
        if self._thread is not None:
            self._thread.join()

    def _supervise(self, program: Path) -> None:
        try:
            self._process = launch(program, self._directory, self._port)
        except Stop as stop:
            self._failure = stop
            return
        finally:
            self._started.set()
        pause = 0.1
        while True:
            begin = time.monotonic()
            code = self._process.wait()
            if self._ending.is_set():
                return
            log.error("mosquitto ended with code %d, starting it again", code)
            pause = 0.1 if time.monotonic() - begin > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
            while not self._ending.wait(pause):
                try:
                    self._process = launch(program, self._directory, self._port)
                except Stop as stop:
                    log.debug("mosquitto: %s", stop)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                else:
                    break
            if self._ending.is_set():
                end(self._process)
                return
            log.warning("mosquitto runs again")
            if self._on_restart is not None:
                self._on_restart()
