"""A part of a page that is drawn again only when what it shows has changed."""

from collections.abc import Callable
from typing import Generic, TypeVar

from nicegui.element import Element

T = TypeVar("T")


class Pane(Generic[T]):
    """`draw` fills `container` with a value."""

    def __init__(self, container: Element, draw: Callable[[T], object]) -> None:
        self._container = container
        self._draw = draw
        self._shown: T | None = None

    def show(self, value: T) -> None:
        """Show a value."""
        if value == self._shown:
            return
        self._container.clear()
        with self._container:
            self._draw(value)
        self._shown = value
