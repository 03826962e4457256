"""`holdfast events`: the log of what has happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.event_lines import line
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import REF
from reconciler.cli.waiting_time import moment
from reconciler.errors import Unavailable

if TYPE_CHECKING:
    from reconciler.views import EventView


@click.command(cls=Verb)
@click.argument("ref", type=REF, required=False, metavar="[KIND/NAME]")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option("--type", "name", default="", help="Only events of this name, or such as `reconcile.*`.")
@click.option("--since", default="", metavar="TIME", help="Only from then on: `10m` ago, or in ISO 8601.")
@click.option(
    "--tail",
    "number",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many of the latest.",
)
@output_as("table", "json")
@at_node
def events(
    where: Where, ref: str | None, follow: bool, name: str, since: str, number: int, output: str
) -> None:
    """Read the log of events, or follow it."""
    query = {"subject": ref or "", "type": name, "since": moment(since)}
    query = {key: value for key, value in query.items() if value}
    with where.open(reading=True) as door:
        found = door.events(query, max(number, 1))  # where there is nothing to show, where to go on from
        living = door.living
    for event in found if number else ():
        _show(event, output)
    if not follow:
        return
    if not living:
        raise Unavailable(f"no node runs on {where.data}", remedy="`holdfast up` starts one")
    last = str(found[-1]["id"]) if found else "0"
    for event in _following(where, {**query, "last_event_id": last}):
        _show(event, output)


def _following(where: Where, query: Mapping[str, str]) -> Iterator[EventView]:
    """Each event as it comes. It ends only with the node, and that is said."""
    kind = ""
    for text in where.remote().lines("/api/v1/events", query):
        field, _, value = text.partition(": ")
        if field == "event":
            kind = value
        elif field == "data" and kind == "stream.reset":
            click.echo("some events between are kept no more", err=True)
        elif field == "data" and kind != "stream.end":
            yield json.loads(value)
    raise Unavailable("the node has stopped", remedy="`holdfast up` starts it, and then follow again")


def _show(event: EventView, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(event, sort_keys=True))
        return
    click.echo(line(event))
