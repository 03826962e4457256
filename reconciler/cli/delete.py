"""`holdfast delete`: wishes that were applied are taken back."""

from __future__ import annotations

import sys

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import REF
from reconciler.errors import Refused


@click.command(cls=Verb)
@click.argument("refs", type=REF, nargs=-1, required=True, metavar="KIND/NAME...")
@click.option("--allow-prune", is_flag=True, help="Let this take away more than half of what is there.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_as("text", "json", json="OperationView; null, if it was not agreed to")
@at_node
def delete(where: Where, refs: tuple[str, ...], allow_prune: bool, yes: bool, output: str) -> int:
    """Take back wishes that were applied; the real things go with them, as their deletionPolicy says."""
    if not yes and not sys.stdin.isatty():
        raise Refused("there is nobody to ask whether this is wanted", remedy="--yes agrees beforehand")
    if not yes and not click.confirm(f"Delete {', '.join(refs)}?", err=True):
        if output == "json":
            print_json(None)
        return exits.OK
    with where.open() as door:
        operation = door.delete(refs, allow_prune=allow_prune)
    if output == "json":
        print_json(operation)
        return exits.OK
    click.echo(f"going: {', '.join(operation['refs'])}", err=True)
    return exits.OK
