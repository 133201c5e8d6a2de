"""Compiled functions, wherever they come from."""

from typing import Any

from schema.compiled import compiled


def test_what_cannot_be_kept_on_disk_is_compiled_all_the_same() -> None:
    """As in a container that may write nowhere: numba finds no place for code that has no file either."""
    made: dict[str, Any] = {}
    exec("def twice(number): return 2 * number", made)
    assert compiled("int64(int64)")(made["twice"])(21) == 42
