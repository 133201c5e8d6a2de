"""`dayuan streams`: is anything missing of what agents, or a device, recorded?"""

import json
from typing import Annotated

import typer
from rich.table import Table

from dayuan.saying import console, said


def streams(
    site: Annotated[str, typer.Argument(help="Site id.")],
    device: Annotated[str, typer.Option(help="Only the agent that speaks for this device.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, for programs.")] = False,
) -> None:
    """Is anything missing? What the platform can prove of every agent's numbered messages.

        dayuan streams demo

        dayuan streams demo --device hall-elec

    Exit codes: 0 all that was numbered is here, 1 something is missing or gone, 2 it cannot be told.
    """
    with said():
        from dayuan.parts import registry_alone
        from dayuan.settings import Settings
        from schema.errors import Reject
        from schema.instant import to_datetime
        from schema.spans import count
        from store.registry.streams import streams as kept

        with registry_alone(Settings.load()) as registry, registry.reading() as session:
            found = kept(session, site, device or None)
        if not found:
            raise Reject("unknown_stream", f"no agent was heard of {device or site}; name another, or look at its log")
    if as_json:
        typer.echo(json.dumps([each._asdict() | {"gone": each.gone, "whole": each.whole} for each in found], indent=1))
    else:
        table = Table("agent", "stream", "numbered to", "missing", "gone", "last heard (UTC)", "")
        for each in found:
            waits = 0 if each.ended else count(each.missing)
            word = "whole" if each.whole else "incomplete"
            beyond = f"at least {each.gone:,}" if each.ended and each.gone else f"{each.gone:,}"
            heard = to_datetime(each.seen).isoformat(" ", "seconds")[:19]
            state = f"{word}, ended: a newer one began" if each.ended else word
            table.add_row(each.agent, each.epoch, f"{each.top:,}", f"{waits:,}", beyond, heard, state)
        console.print(table)
    raise typer.Exit(0 if all(each.whole for each in found) else 1)
