"""How commands speak: one console, and every error of ours in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from schema.errors import DayuanError

console = Console(highlight=False)


@contextmanager
def said() -> Iterator[None]:
    """An error made on purpose ends the command with its message in one line, and exit code 2."""
    try:
        yield
    except DayuanError as error:
        _end(str(error))
    except ModuleNotFoundError as error:
        _end(f"this command needs the server packages ({error.name} is missing): pip install 'dayuan\\[server]'")


def _end(message: str) -> None:
    Console(stderr=True, highlight=False).print(f"[bold red]dayuan:[/bold red] {message}", soft_wrap=True)
    raise typer.Exit(2) from None
