"""How the whole suite runs: on several workers, blind to this machine's own settings, none failed for being slow."""

import ctypes
import os
import signal

import pytest
from hypothesis import settings

_OURS = {"DAYUAN_REQUIRE_SERVERS", "DAYUAN_DATA_SETS", "DAYUAN_MOSQUITTO"}
_ROOM = 1 << 30
"""Bytes of memory that a worker needs at most, with its servers and its Chromium."""

# Under CI the examples are the same every time, so that a submission passes or fails for what is in it.
settings.register_profile("dayuan", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("dayuan")
for name in [name for name in os.environ if name.startswith("DAYUAN_") and name not in _OURS]:
    del os.environ[name]


def pytest_configure(config: pytest.Config) -> None:
    """A worker ends with whoever started it, also when that is killed; the servers it runs then end with it.

    Ctrl-C is heard by the services under test even where a shell in the background has it ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many as there are processors for us and memory for, and one more, since many tests wait for a real server."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(os.sched_getaffinity(0)) + 1, memory // _ROOM, 8))
