"""A row of buttons of which one is chosen."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from nicegui.element import Element

from api.pages.elements.element import box, say
from api.pages.frame.visit import Visit
from schema.text import Text

Name = TypeVar("Name", bound=str)


def segments(
    visit: Visit,
    title: Text,
    choices: Mapping[Name, Text],
    chosen: Name,
    choose: Callable[[Name], Awaitable[None] | None],
) -> None:
    """Buttons for `choices`; `choose` is called with the name of the one pressed."""
    buttons: dict[Name, Element] = {}

    async def press(name: Name) -> None:
        for each, button in buttons.items():
            button.props["aria-pressed"] = str(each == name).lower()
        waiting = choose(name)
        if waiting is not None:
            await waiting

    with box("div", "segments", role="group", aria_label=visit.say(title)):
        for name, words in choices.items():
            button = say("button", visit.say(words), type="button", aria_pressed=str(name == chosen).lower())
            button.on("click", partial(press, name))
            buttons[name] = button
