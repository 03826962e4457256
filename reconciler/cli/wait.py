"""`holdfast wait`: until resources are ready, stalled, or gone."""

from __future__ import annotations

import time

import click

from reconciler.cli import exits
from reconciler.cli.door import Door, Where, at_node
from reconciler.cli.following import LOOK_S, seconds
from reconciler.errors import Invalid, NotFound


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="KIND|KIND/NAME...")
@click.option("--all", "every", is_flag=True, help="All of the kind; there must be one.")
@click.option(
    "--for",
    "state",
    type=click.Choice(["Ready", "Stalled", "Gone"], case_sensitive=False),
    default="Ready",
    show_default=True,
)
@click.option("--timeout", default="60s", show_default=True, help="How long to wait.")
@at_node
def wait(where: Where, what: tuple[str, ...], every: bool, state: str, timeout: str) -> int:
    """Wait until resources are ready, or stalled, or gone. Exits 9 when it takes too long."""
    if not every and any("/" not in one for one in what):
        raise Invalid("a kind alone names many", remedy="add --all, or write KIND/NAME")
    end = time.monotonic() + seconds(timeout)
    with where.open(reading=True) as door:
        while True:
            behind = _behind(door, what, state)
            if not behind:
                return exits.OK
            if time.monotonic() > end or not door.living:
                for line in behind:
                    click.echo(line, err=True)
                return exits.TIMEOUT
            time.sleep(LOOK_S)


def _behind(door: Door, what: tuple[str, ...], state: str) -> list[str]:
    """What is not so yet, and why."""
    lines = []
    for one in what:
        try:
            found = [door.resource(one)] if "/" in one else door.resources({"kind": one})
        except NotFound:
            found = []
        if state == "Gone":
            lines += [f"{each['status']['ref']} is still there" for each in found]
        elif not found:
            lines.append(f"{one}: nothing is declared")
        for each in found if state != "Gone" else []:
            status = each["status"]
            stalled = any(c["type"] == "Stalled" for c in status["conditions"])
            if not (status["ready"] if state == "Ready" else stalled):
                lines.append(f"{status['ref']}: {status['reason']}: {status['message']}")
    return lines
