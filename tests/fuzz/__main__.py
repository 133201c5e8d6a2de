"""Coverage-guided fuzzing: `python -m tests.fuzz sparkplug 300` fuzzes one target for 300 s, `all` each in turn.

Needs atheris (`pip install atheris`, Linux). What it finds is kept in var/fuzz/TARGET and begun from the next time.
"""

import logging
import subprocess
import sys
from pathlib import Path

NAMES = ("senml", "senml_cbor", "sparkplug", "host", "mapped", "messages")
FOLDER = Path("var/fuzz")


def main() -> int:
    """Fuzz; 0 where nothing was found."""
    name, seconds = (sys.argv[1:] + ["all", "60"][len(sys.argv) - 1 :])[:2]
    if name == "all":
        # Each in a process of its own: the fuzzer ends the process it runs in.
        commands = [[sys.executable, "-m", "tests.fuzz", one, seconds] for one in NAMES]
        return max(subprocess.run(command, check=False).returncode for command in commands)
    _fuzz(name, int(seconds))
    return 0


def _fuzz(name: str, seconds: int) -> None:
    try:
        import atheris  # noqa: PLC0415
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    with atheris.instrument_imports(include=["bus", "ingest", "schema"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for at, seed in enumerate(TARGETS[name].seeds):
        (corpus / f"seed-{at}").write_bytes(seed)
    logging.disable(logging.CRITICAL)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=2048",
        "-timeout=5",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={corpus}/", str(corpus)], TARGETS[name].try_)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
