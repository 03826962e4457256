"""`holdfast logs`: what services print, several of them interleaved."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import SERVICE
from reconciler.cli.waiting_time import moment
from reconciler.errors import Problem, Unavailable
from reconciler.ref_text import parted

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")

LINES = "application/x-ndjson"


@click.command(cls=Verb)
@click.argument("refs", type=SERVICE, nargs=-1, required=True, metavar="SERVICE...")
@click.option("--tail", type=click.IntRange(min=0), help="Only the last lines of each.")
@click.option(
    "--since", default="", metavar="TIME", help="Only lines from then on: `10m` ago, or in ISO 8601."
)
@click.option("--follow", is_flag=True, help="Go on with what is printed from now on.")
@output_as("text", "json", json="a LogLineResult on each line")
@at_node
def logs(
    where: Where, refs: tuple[str, ...], tail: int | None, since: str, follow: bool, output: str
) -> None:
    """Read the output of services, or follow it. `web.db` is short for `service/web.db`."""
    if not where.runs:
        raise Unavailable(f"no node runs on {where.data}", remedy="`holdfast up` starts one")
    query = {
        "tail": "" if tail is None else str(tail),
        "since": moment(since),
        "follow": "true" if follow else "",
    }
    query = {key: value for key, value in query.items() if value}
    for ref, line in _interleaved(where, list(refs), query):
        if output == "json":
            click.echo(json.dumps({"ref": ref, **json.loads(line)}, sort_keys=True))
            continue
        name = parted(ref)[2]
        colour = COLOURS[refs.index(ref) % len(COLOURS)]
        prefix = click.style(f"{name} | ", fg=colour) if len(refs) > 1 else ""
        click.echo(prefix + json.loads(line)["text"])
    if follow:
        _still_there(where)


def _still_there(where: Where) -> None:
    """A service may have ended for good; that the node has is no good end of following it."""
    if not where.runs or where.remote().ask("GET", "/api/v1/daemon/status")["status"] == "stopping":
        raise Unavailable("the node has stopped", remedy="`holdfast up` starts it, and then follow again")


def _interleaved(where: Where, refs: list[str], query: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each line as it comes, with whose it is."""
    from reconciler.cli.remote import located

    lines: queue.Queue[tuple[str, str | Problem | None]] = queue.Queue(maxsize=1000)

    def read(ref: str) -> None:
        try:
            for line in where.remote().lines(f"/api/v1/resources/{located(*parted(ref))}/logs", query, LINES):
                lines.put((ref, line))
            lines.put((ref, None))
        except Problem as problem:
            lines.put((ref, problem))

    for ref in refs:
        threading.Thread(target=read, args=(ref,), daemon=True).start()
    open_ones = len(refs)
    while open_ones:
        ref, line = lines.get()
        if isinstance(line, Problem):
            raise line
        if line is None:
            open_ones -= 1
        elif line:
            yield ref, line
