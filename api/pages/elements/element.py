"""Plain HTML elements with our own classes: what the pages are made of."""

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


def box(tag: str = "div", classes: str = "", **attributes: str) -> Element:
    """An element to put others in (`with box("section", "card"):`); `aria_label` becomes aria-label."""
    return _with(ui.element(tag), classes, attributes)


def say(tag: str, words: str, classes: str = "", **attributes: str) -> TextElement:
    """An element that holds text only; whatever the text holds, it is never read as HTML."""
    element = TextElement(tag=tag, text=words)
    _with(element, classes, attributes)
    return element


def _with(element: Element, classes: str, attributes: dict[str, str]) -> Element:
    if classes:
        element.classes(classes)
    for name, value in attributes.items():
        element.props[name.rstrip("_").replace("_", "-")] = value
    return element
