"""`holdfast resume`: what was suspended, stopped or held goes by its manifest again."""

from __future__ import annotations

import click

from reconciler.cli.door import Where, at_node


@click.command()
@click.argument("ref", metavar="KIND/NAME")
@at_node
def resume(where: Where, ref: str) -> None:
    """Take back the override of a resource: a suspension, a stop, a hold."""
    with where.open() as door:
        door.end_override(ref)
    click.echo(f"{ref} goes by its manifest again", err=True)
