"""What somebody may have meant who wrote a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Says that there is no such name, the one that was probably meant, and all there are."""
    names = list(known)
    close = get_close_matches(str(name).lower(), names, 1, 0.6)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"there is no {what} {name!r}; {meant}known are {', '.join(names) or 'none'}"
