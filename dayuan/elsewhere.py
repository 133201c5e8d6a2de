"""Commands that live in modules of their own, which are imported when one is called: a start costs what it needs."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


def lazily(commands: Mapping[str, str]) -> type[TyperGroup]:
    """A group that finds commands by name as `module:attribute`, a function or a whole Typer; --help asks for all."""

    class Elsewhere(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return sorted({*super().list_commands(ctx), *commands})

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            found = super().get_command(ctx, cmd_name)
            if found is None and cmd_name in commands:
                module, _, attribute = commands[cmd_name].partition(":")
                found = _as_click(getattr(import_module(module), attribute), cmd_name)
                self.add_command(found, cmd_name)
            return found

    return Elsewhere


def _as_click(what: Any, name: str) -> Any:
    if not isinstance(what, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        app.command(name)(what)
        what = app
    command = typer.main.get_command(what)
    command.name = name
    return command
