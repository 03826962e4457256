"""`holdfast wait`: until resources are ready, stalled, or gone.

Rules: a node that does not run yet may come up meanwhile, and what is not declared yet may be; only the
time that was given ends the waiting.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from reconciler.cli import exits
from reconciler.cli.door import Door, Where, at_node
from reconciler.cli.everywhere import Verb
from reconciler.cli.naming import KIND_OR_REF
from reconciler.cli.plain import plain
from reconciler.cli.waiting_time import LOOK_S, seconds
from reconciler.errors import Invalid, NotFound

STATES = ["Ready", "Stalled", "Gone"]


@click.command(cls=Verb)
@click.argument("what", type=KIND_OR_REF, nargs=-1, required=True, metavar="KIND|KIND/NAME...")
@click.option("--all", "every", is_flag=True, help="All of the kind; there must be one.")
@click.option(
    "--for", "state", type=click.Choice(STATES), default="Ready", show_default=True, help="What to wait for."
)
@click.option("--timeout", default="60s", show_default=True, help="How long to wait.")
@at_node
def wait(where: Where, what: tuple[str, ...], every: bool, state: str, timeout: str) -> int:
    """Wait until resources are ready, or stalled, or gone. Exits 9 when it takes too long."""
    if not every and any("/" not in one for one in what):
        raise Invalid("a kind alone names many", remedy="add --all, or write KIND/NAME")
    end = time.monotonic() + seconds(timeout)
    if not where.runs:
        told = f"no node runs on {where.data}: waiting {timeout} for one; `holdfast up PATH` starts it"
        click.echo(plain(told), err=True)
    while behind := _not_so(where, what, state):
        if time.monotonic() > end:
            for line in behind:
                click.echo(plain(line), err=True)
            return exits.TIMEOUT
        time.sleep(LOOK_S)
    return exits.OK


def _not_so(where: Where, what: tuple[str, ...], state: str) -> list[str]:
    """What is not so yet, and why."""
    if not where.runs:
        return [f"no node runs on {where.data}"]
    with where.open(reading=True) as door:
        return [line for one in what for line in _behind(door, one, state)]


def _behind(door: Door, what: str, state: str) -> Iterator[str]:
    try:
        found = [door.resource(what)] if "/" in what else door.resources({"kind": what})
    except NotFound:
        found = []
    if state == "Gone":
        yield from (f"{one['status']['ref']} is still there" for one in found)
        return
    if not found:
        yield f"{what}: nothing is declared"
    for one in found:
        status = one["status"]
        stalled = any(condition["type"] == "Stalled" for condition in status["conditions"])
        if not (status["ready"] if state == "Ready" else stalled):
            yield f"{status['ref']}: {status['reason']}: {status['message']}"
