"""Every word a person sees exists in both languages."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from api import pages
from api.pages.letters import text_reasons
from ingest.validate import REASONS
from schema.text import Text

PAGES = Path(pages.__file__).parent
ROOT = PAGES.parents[1]
CATALOGUES = [
    import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)) for path in sorted(PAGES.rglob("text*.py"))
]


def _sayings() -> Iterator[tuple[str, Text]]:
    for catalogue in CATALOGUES:
        for name, value in vars(catalogue).items():
            if not name.startswith("__"):
                yield from _within(f"{catalogue.__name__}.{name}", value)


def _within(name: str, value: object) -> Iterator[tuple[str, Text]]:
    if isinstance(value, Text):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _within(f"{name}[{key}]", part)
    elif isinstance(value, text_reasons.Meaning):
        for key, part in value._asdict().items():
            yield from _within(f"{name}.{key}", part)


def test_every_saying_has_both_languages_and_the_same_place_holders() -> None:
    sayings = list(_sayings())
    assert len(sayings) > 400
    for name, words in sayings:
        assert words.zh.strip(), name
        assert words.en.strip(), name
        assert sorted(re.findall(r"{(\w+)}", words.zh)) == sorted(re.findall(r"{(\w+)}", words.en)), name


def test_every_saying_is_said_somewhere() -> None:
    source = "".join(path.read_text("utf-8") for path in PAGES.rglob("*.py"))
    for catalogue in CATALOGUES:
        called = catalogue.__name__.rpartition(".")[2]
        unsaid = [
            name
            for name in vars(catalogue)
            if name.isupper() and not re.search(rf"\b{called}(\.| import .*\b){name}\b", source)
        ]
        assert unsaid == [], called


def test_pages_hold_no_words_of_their_own() -> None:
    """Chinese outside the catalogues has no English twin."""
    for path in PAGES.rglob("*.py"):
        if not path.name.startswith("text"):
            source = path.read_text("utf-8").replace("PingFang SC", "").replace('"、"', "")
            assert not re.search(r"[一-鿿]", source), path.name


def test_every_reason_that_parks_a_letter_is_explained() -> None:
    """What a page says of a letter is more than its code."""
    raised = re.compile(r'(?:Reject|Rejected|Fault)\(\s*(?:index,\s*)?"([a-z_]+)"')
    places = [*(ROOT / "bus").glob("*.py"), *(ROOT / "ingest").glob("*.py")]
    reasons = {reason for path in places for reason in raised.findall(path.read_text("utf-8"))}
    reasons |= {*REASONS, "store_refused"} - {""}
    assert len(reasons) > 30
    assert reasons - set(text_reasons.REASONS) == set()
