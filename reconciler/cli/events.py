"""`holdfast events`: the log of what has happened."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.event_lines import line
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import REF
from reconciler.cli.waiting_time import moment
from reconciler.errors import Unavailable

if TYPE_CHECKING:
    from reconciler.views import EventView


SILENCE_S = 45.0  # three heartbeats
RETRY_S = 2.0


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
@output_as("table", "json", json="an EventView on each line")
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
    """Each event once, through any number of connections. It ends only with the node, and that is said."""
    from reconciler.cli.remote import BrokenOff

    last = query["last_event_id"]
    while True:
        try:
            for frame in _frames(where, {**query, "last_event_id": last}):
                last = frame.id or last
                if frame.name == "stream.reset":
                    _tell_lost(json.loads(frame.data))
                elif not frame.name.startswith("stream."):
                    yield json.loads(frame.data)
            break
        except BrokenOff as broken:
            click.echo(f"{broken.message}; going on after event {last}", err=True)
            time.sleep(RETRY_S)
    raise Unavailable("the node has stopped", remedy="`holdfast up` starts it, and then follow again")


class Frame(NamedTuple):
    """A server-sent event."""

    id: str
    name: str
    data: str


def _frames(where: Where, query: Mapping[str, str]) -> Iterator[Frame]:
    fields = {"id": "", "event": "", "data": ""}
    for text in where.remote().lines("/api/v1/events", query, "text/event-stream", SILENCE_S):
        name, _, value = text.partition(": ")
        if text:
            fields[name] = value
        elif fields["event"]:
            yield Frame(fields["id"], fields["event"], fields["data"])
            fields = {"id": "", "event": "", "data": ""}


def _tell_lost(lost: Mapping[str, int]) -> None:
    between = f"{lost['last_event_id'] + 1} to {lost['oldest'] - 1}"
    known = lost["last_event_id"] < lost["oldest"]
    click.echo(f"events {between} are kept no more" if known else "this is another log of events", err=True)


def _show(event: EventView, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(event, sort_keys=True))
        return
    click.echo(line(event))
