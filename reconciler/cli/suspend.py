"""`holdfast suspend`: observe, but act on nothing, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import REF

if TYPE_CHECKING:
    from reconciler.views import OverrideView


@click.command(cls=Verb)
@click.argument("ref", type=REF, metavar="KIND/NAME")
@click.option("--for", "last", default="", metavar="DURATION", help="How long; until `resume` if not said.")
@click.option("--reason", default="", help="Why: whoever finds it suspended will ask.")
@output_as("text", "json", json="OverrideView")
@at_node
def suspend(where: Where, ref: str, last: str, reason: str, output: str) -> None:
    """Observe and report, but act on nothing: a person's word, which outlives automation."""
    with where.open() as door:
        override = door.override(ref, {"suspend": True}, reason, last)
    if output == "json":
        print_json(override)
        return
    click.echo(f"{override['ref']} is suspended {_until(override)}", err=True)


def _until(override: OverrideView) -> str:
    return f"until {override['until']}" if override["until"] else f"until `holdfast resume {override['ref']}`"
