"""Children of `dayuan run` do not outlive it, whatever ends it."""

import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import subprocess, sys, time
from dayuan.child import bound
print(subprocess.Popen(bound(sys.executable, "-c", "import time; time.sleep(60)")).pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_child_ends_with_a_parent_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.3)
        assert alive(child)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 60
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)
