"""Every word a person sees exists in both languages."""

import re
from collections.abc import Iterator
from pathlib import Path

from api.pages import text
from schema.text import Text


def _sayings() -> Iterator[tuple[str, Text]]:
    for name, value in vars(text).items():
        if isinstance(value, Text):
            yield name, value
        elif isinstance(value, dict) and not name.startswith("__"):
            yield from ((f"{name}[{key}]", words) for key, words in value.items())


def test_every_saying_has_both_languages_and_the_same_place_holders() -> None:
    sayings = list(_sayings())
    assert len(sayings) > 100
    for name, words in sayings:
        assert words.zh.strip(), name
        assert words.en.strip(), name
        assert sorted(re.findall(r"{(\w+)}", words.zh)) == sorted(re.findall(r"{(\w+)}", words.en)), name


def test_every_saying_is_said_somewhere() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(text.__file__).parent.glob("*.py"))
    unsaid = [name for name in vars(text) if name.isupper() and f"text.{name}" not in source]
    assert unsaid == []


def test_pages_hold_no_words_of_their_own() -> None:
    """Chinese outside the catalogue has no English twin."""
    for path in Path(text.__file__).parent.glob("*.py"):
        if path.name != "text.py":
            source = path.read_text("utf-8").replace("PingFang SC", "")
            assert not re.search(r"[一-鿿]", source), path.name
