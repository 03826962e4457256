"""`holdfast events`: the log of what has happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.event_lines import line
from reconciler.cli.everywhere import Verb
from reconciler.cli.naming import REF
from reconciler.errors import Unavailable

if TYPE_CHECKING:
    from reconciler.views import EventView


@click.command(cls=Verb)
@click.argument("ref", type=REF, required=False, metavar="[KIND/NAME]")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option("--type", "name", default="", help="Only events of this name, or such as `reconcile.*`.")
@click.option("--tail", "number", default=20, show_default=True, help="How many of the latest.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@at_node
def events(where: Where, ref: str | None, follow: bool, name: str, number: int, output: str) -> None:
    """Read the log of events, or follow it."""
    query = {"subject": ref or "", "type": name}
    query = {key: value for key, value in query.items() if value}
    with where.open(reading=True) as door:
        found = door.events(query, number)
        living = door.living
    for event in found:
        _show(event, output)
    if not follow:
        return
    if not living:
        raise Unavailable(f"no node runs on {where.data}", remedy="`holdfast up` starts one")
    last = str(found[-1]["id"]) if found else "0"
    for text in where.remote().lines("/api/v1/events", {**query, "last_event_id": last}):
        if text.startswith("data: "):
            _show(json.loads(text.removeprefix("data: ")), output)


def _show(event: EventView, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(event, sort_keys=True))
        return
    click.echo(line(event))
