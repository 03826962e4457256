"""`holdfast resume`: what was suspended, stopped or held goes by its manifest again."""

from __future__ import annotations

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import REF


@click.command(cls=Verb)
@click.argument("ref", type=REF, metavar="KIND/NAME")
@output_as("text", "json", json="RefResult")
@at_node
def resume(where: Where, ref: str, output: str) -> None:
    """Take back the override of a resource: a suspension, a stop, a hold."""
    take_back(where, ref, output)


def take_back(where: Where, ref: str, output: str) -> None:
    with where.open() as door:
        door.end_override(ref)
    if output == "json":
        print_json({"ref": ref})
        return
    click.echo(f"{ref} goes by its manifest again", err=True)
