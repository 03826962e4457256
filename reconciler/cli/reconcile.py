"""`holdfast reconcile`: look now."""

from __future__ import annotations

import click

from reconciler.cli.door import Where, at_node


@click.command()
@click.argument("refs", nargs=-1, metavar="[KIND/NAME...]")
@click.option(
    "--allow-prune",
    is_flag=True,
    help="Let what the sources declare now take away much, and what stayed because the store was lost.",
)
@at_node
def reconcile(where: Where, refs: tuple[str, ...], allow_prune: bool) -> None:
    """Look at resources now, and begin the tries anew; a source is fetched. Without a name: at all."""
    with where.open() as door:
        operation = door.reconcile(refs, allow_prune=allow_prune)
    click.echo(f"looking at {len(operation['refs'])} resources", err=True)
