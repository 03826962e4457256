"""`holdfast reconcile`: look now."""

from __future__ import annotations

import click

from reconciler.cli.door import Where, at_node


@click.command()
@click.argument("refs", nargs=-1, metavar="[KIND/NAME...]")
@at_node
def reconcile(where: Where, refs: tuple[str, ...]) -> None:
    """Look at resources now, and begin the tries anew; a source is fetched. Without a name: at all."""
    with where.open() as door:
        operation = door.reconcile(refs)
    click.echo(f"looking at {len(operation['refs'])} resources", err=True)
