"""The documents against the code: commands, settings, decisions and links that they name exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from pydantic import BaseModel
from typer.core import TyperGroup
from typer.main import get_command

from dayuan.cli import app
from dayuan.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
TEXTS = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELLS = {"", "sh", "bash", "console", "shell"}
INLINE = re.compile(r"`(dayuan [^`]+)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


class Row(NamedTuple):
    """A line of the table of settings."""

    name: str
    variable: str
    default: str


def said(text: str) -> Iterator[list[str]]:
    """The words after `dayuan` of every command in a document."""
    blocks = [block for language, block in FENCED.findall(text) if language in SHELLS]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *INLINE.findall(text)]:
        for part in re.split(r"\s(?:&&|\||;)\s", line):
            try:
                words = shlex.split(part.removeprefix("$ "), comments=True)
            except ValueError:
                continue  # a line of prose in a block
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words and Path(words[0]).name == "dayuan":
                yield words[1:]


def missing(words: list[str]) -> str | None:
    """The first word that is neither a command, nor an option of it, nor an argument."""
    command: Any = get_command(app)
    valued = False
    for place, word in enumerate(words):
        if word.startswith("-") and word != "-":
            name, given, _ = word.partition("=")
            known = {option: item for item in command.params for option in (*item.opts, *item.secondary_opts)}
            if name not in {*known, "--help"}:
                return " ".join(words[: place + 1])
            valued = not given and name in known and not getattr(known[name], "is_flag", False)
        elif valued:
            valued = False
        elif isinstance(command, TyperGroup):
            if word in {"...", "COMMAND"}:
                return None
            below = subcommands(command)
            if word not in below:
                return " ".join(words[: place + 1])
            command = below[word]
    return None


def subcommands(command: Any) -> dict[str, Any]:
    """The commands of a group by name, also those it only imports when one is called."""
    if not isinstance(command, TyperGroup):
        return {}
    context: Any = click.Context(command)  # type: ignore[arg-type]
    return {name: command.get_command(context, name) for name in command.list_commands(context)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_every_command_a_document_names_exists(path: Path) -> None:
    assert [gap for words in said(TEXTS[path]) if (gap := missing(words))] == []


def test_commands_are_found_at_all() -> None:
    assert sum(1 for text in TEXTS.values() for _ in said(text)) > 3
    assert missing(["bench", "store", "--rows", "5"]) is None
    assert missing(["bench", "stroe"]) == "bench stroe"
    assert missing(["replay", "x.csv", "--sped", "max"]) == "replay x.csv --sped"


def test_every_command_says_what_it_is_for() -> None:
    def silent(command: Any, path: str) -> list[str]:
        below = [name for part, sub in subcommands(command).items() for name in silent(sub, f"{path} {part}")]
        bare = [f"{path} {item.name}" for item in command.params if isinstance(item, click.Option) and not item.help]
        return below + bare + ([] if command.help else [path])

    assert silent(get_command(app), "dayuan") == []


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[Row]:
    """Every setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from fields(type(field.default), f"{prefix}{name}.")
        else:
            path = f"{prefix}{name}"
            default = "" if "Secret" in str(field.annotation) and not field.default else str(field.default)
            default = default.lower() if isinstance(field.default, bool) else default
            yield Row(path, f"DAYUAN_{path.upper().replace('.', '__')}", default)


def test_the_table_of_settings_is_complete_and_true() -> None:
    table = re.findall(
        r"^\| `([\w.]+)` \| `(\w+)` \| (?:`(.*?)`)? *\| .+ \|$", TEXTS[ROOT / "docs/settings.md"], re.MULTILINE
    )
    assert [Row(*cells) for cells in table] == list(fields(Settings))


def test_the_index_of_decisions_lists_every_one() -> None:
    folder = ROOT / "docs/adr"
    listed = re.findall(r"\| \[(\d{4})\]\((.*?)\) \| (.*?) \|", TEXTS[folder / "README.md"])
    files = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    assert [(number, name) for number, name, _ in listed] == [(path.name[:4], path.name) for path in files]
    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for match in LINK.findall(TEXTS[path]):
        target, _, anchor = "".join(match).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = (path.parent / target).resolve() if target else path
        assert place.exists(), target
        assert place.is_relative_to(ROOT), target
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place.read_text(encoding="utf-8")), f"{target}#{anchor}"


def anchors(text: str) -> set[str]:
    """The addresses of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
