"""Files that a configuration names and is made of: when the content of one changes, so does the configuration."""

from hashlib import sha256
from pathlib import Path

Stamp = tuple[int, int, int] | None
"""What a file looks like from outside: when it was changed, its size, its inode; None where there is none."""


class Source:
    """A file as it was when this was made: equal to another of the same path and the same content.

    One that cannot be read is none the less named: whoever wants its content says what is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._content = sha256(path.read_bytes()).digest()
        except OSError:
            self._content = b""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and (self.path, self._content) == (other.path, other._content)

    def __hash__(self) -> int:
        return hash((self.path, self._content))


def stamp(path: Path) -> Stamp:
    """How a file looks now."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino
