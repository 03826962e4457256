"""`holdfast wait`: until resources are ready, stalled, or gone.

Rules: a node that does not run yet may come up meanwhile, and what is not declared yet may be; only the
time that was given ends the waiting.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.door import Door, Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import KIND_OR_REF
from reconciler.cli.plain import plain
from reconciler.cli.progress import is_stalled
from reconciler.cli.waiting_time import LOOK_S, seconds
from reconciler.errors import Invalid, NotFound

if TYPE_CHECKING:
    from reconciler.cli.results import BehindResult, WaitResult

STATES = ["Ready", "Stalled", "Gone"]
OWN_REASONS = {"NoNode", "NotDeclared", "StillThere"}  # whose message says all


@click.command(cls=Verb)
@click.argument("what", type=KIND_OR_REF, nargs=-1, required=True, metavar="KIND|KIND/NAME...")
@click.option("--all", "every", is_flag=True, help="All of the kind; there must be one.")
@click.option(
    "--for", "state", type=click.Choice(STATES), default="Ready", show_default=True, help="What to wait for."
)
@click.option("--timeout", default="60s", show_default=True, help="How long to wait.")
@output_as("text", "json", json="WaitResult")
@at_node
def wait(where: Where, what: tuple[str, ...], every: bool, state: str, timeout: str, output: str) -> int:
    """Wait until resources are ready, or stalled, or gone. Exits 9 when it takes too long."""
    if not every and any("/" not in one for one in what):
        raise Invalid("a kind alone names many", remedy="add --all, or write KIND/NAME")
    end = time.monotonic() + seconds(timeout)
    if not where.runs:
        told = f"no node runs on {where.data}: waiting {timeout} for one; `holdfast up PATH` starts it"
        click.echo(plain(told), err=True)
    while (behind := _not_so(where, what, state)) and time.monotonic() <= end:
        time.sleep(LOOK_S)
    if output == "json":
        result: WaitResult = {"state": state, "reached": not behind, "behind": behind}
        print_json(result)
    else:
        for one in behind:
            reason = "" if one["reason"] in OWN_REASONS else f"{one['reason']}: "
            click.echo(plain(f"{one['ref']}: {reason}{one['message']}"), err=True)
    return exits.TIMEOUT if behind else exits.OK


def _not_so(where: Where, what: tuple[str, ...], state: str) -> list[BehindResult]:
    """What is not so yet, and why."""
    if not where.runs:
        told = f"no node runs on {where.data}"
        return [{"ref": one, "reason": "NoNode", "message": told} for one in what]
    with where.open(reading=True) as door:
        return [behind for one in what for behind in _behind(door, one, state)]


def _behind(door: Door, what: str, state: str) -> Iterator[BehindResult]:
    try:
        found = [door.resource(what)] if "/" in what else door.resources({"kind": what})
    except NotFound:
        found = []
    if not found and state != "Gone":
        yield {"ref": what, "reason": "NotDeclared", "message": "nothing is declared"}
    for status in (one["status"] for one in found):
        if state == "Gone":
            yield {"ref": status["ref"], "reason": "StillThere", "message": "it is still there"}
        elif not (status["ready"] if state == "Ready" else is_stalled(status)):
            yield {"ref": status["ref"], "reason": status["reason"], "message": status["message"]}
