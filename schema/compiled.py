"""Functions compiled to machine code, which run without the interpreter's lock.

They work on arrays that they are given and make none: then numba need not count who refers to them, which would cost a
scanner of text half of its time.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_F = TypeVar("_F", bound=Callable[..., Any])
_njit: Any = numba.njit


def part(function: _F) -> _F:
    """Compiled into what calls it; keep it in the same file: a kept compilation is void when its own file changes."""
    ready: _F = _njit(inline="always")(function)
    return ready


def compiled(signature: str) -> Callable[[_F], _F]:
    """Compiled when its module is imported; kept on disk for the next start, where something may be written there."""

    def compile_(function: _F) -> _F:
        try:
            ready: _F = _njit(signature, nogil=True, cache=True, _nrt=False)(function)
        except (RuntimeError, OSError):
            ready = _njit(signature, nogil=True, _nrt=False)(function)
        return ready

    return compile_
