"""A disk that is really full: the outbox says so, and goes on by itself as soon as anything can be deleted."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from pathlib import Path
from edge.outbox import Message, Outbox
from schema.errors import RetryLater
from schema.stream import Acknowledged

folder = Path(sys.argv[1])
box = Outbox(folder / "o.db", "agent-1", lambda: 1_780_000_000_000_000, os.urandom)
body = b'[{"n":"%s"}]' % (b"x" * 2000)

def fill():
    failed = 0
    while failed < 2:
        try:
            box.append([Message("t", body)] * 100)
            failed = 0
        except RetryLater as error:
            said = str(error)
            failed += 1
    return said

def settle(upto):
    try:
        box.acknowledge(Acknowledged(box.epoch, upto))
    except RetryLater:
        return False
    return True

assert "are free" in fill()
held = box.pending
assert held > 1000, "all but the reserve is used"
if sys.argv[2] == "others":
    # Whatever else writes there knows no reserve.
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(100_000))
        except OSError:
            pass
for upto in range(100, held, 100):
    settled = settle(upto) or settle(upto)
    assert settled, f"what is acknowledged cannot be deleted, {box.pending} wait"
before = box.last
fill()
assert box.last - before > held // 2, "the room within the file is used again"
assert [entry.seq for entry in box.unsent(0, 1)] == [box.floor]
assert box.dropped == 0
box.close()
print("fine")
"""


@pytest.mark.parametrize("who", ["ourselves", "others"])
def test_what_is_acknowledged_is_deleted_from_a_full_disk(tmp_path: Path, who: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    small = f"mount -t tmpfs -o size=32m tmpfs {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", small], check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs a kernel that lets users mount one (unshare -rm)")
    run = f'{small} && exec "$0" "$@"'
    words = ["unshare", "-rm", "sh", "-c", run, sys.executable, "-c", SCRIPT, str(disk), who]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr
