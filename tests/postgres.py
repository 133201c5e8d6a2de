"""A real PostgreSQL on a free port of 127.0.0.1, with all its files in a folder that goes away with it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.servers import free_port, program, running


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty database; without the server the test is skipped, see tests.servers.program."""
    folder = Path(tempfile.mkdtemp(prefix="dayuan-postgres-"))
    port = free_port()
    try:
        # PostgreSQL refuses to be root; Debian keeps its programs off the path.
        as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
            # Another user's process forgets whose death it ends with, unless told here.
            as_user = [program("setpriv", "util-linux"), "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            as_user += ["--pdeathsig=TERM"]
        data = str(folder / "data")
        initdb = [*as_user, _program("initdb"), "-D", data, "-U", "dayuan", "-A", "trust", "-E", "UTF8", "-N"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder)
        server = [*as_user, _program("postgres"), "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", data, "-F"]
        with running(server, folder, lambda: _answers(port)):
            yield f"postgresql+psycopg://dayuan@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else program(name, "postgresql")


def _answers(port: int) -> bool:
    # It takes connections a moment before it answers them.
    with suppress(psycopg.OperationalError), psycopg.connect(f"host=127.0.0.1 port={port} user=dayuan dbname=postgres"):
        return True
    return False
