"""`holdfast rollback`: a source goes back to an earlier revision, and stays there."""

from __future__ import annotations

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import REVISION, SOURCE


@click.command(cls=Verb)
@click.argument("source", type=SOURCE, default="root")
@click.argument("revision", type=REVISION, required=False, default="")
@click.option("--reason", default="", help="Why: it stands beside the hold.")
@output_as("text", "json", json="OverrideView")
@at_node
def rollback(where: Where, source: str, revision: str, reason: str, output: str) -> None:
    """Take SOURCE back to REVISION (its beginning is enough; without one, to the one before), and hold it."""
    with where.open() as door:
        override = door.rollback(source, revision, reason)
    if output == "json":
        print_json(override)
        return
    held = override["patch"]["hold"]
    click.echo(f"source {source} is held at {held}; `holdfast resume source/{source}` lets it go", err=True)
