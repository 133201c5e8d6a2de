"""Child processes that end with their parent, even one that is killed: the kernel sees to it."""

import os
import sys

# PR_SET_PDEATHSIG with SIGTERM. A parent that ended before this line was reached is no longer the parent.
_LAUNCHER = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() == int(sys.argv[1]): os.execv(sys.argv[2], sys.argv[2:])
"""


def bound(*command: str) -> list[str]:
    """The command (its program a path) as a child of ours that gets SIGTERM when the thread that starts it ends."""
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]
