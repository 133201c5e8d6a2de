"""A part of a page that is drawn again only when what it shows has changed."""

from collections.abc import Callable
from typing import Generic, TypeVar

from nicegui.element import Element

T = TypeVar("T")


class Pane(Generic[T]):
    """`draw` fills `container` with a value; values of one `key`, by default the value itself, look the same."""

    def __init__(
        self, container: Element, draw: Callable[[T], object], key: Callable[[T], object] | None = None
    ) -> None:
        self._container = container
        self._draw = draw
        self._key = key
        self._shown: object = None

    def show(self, value: T) -> None:
        """Show a value."""
        key = self._key(value) if self._key else value
        if key == self._shown:
            return
        self._container.clear()
        with self._container:
            self._draw(value)
        self._shown = key
