"""`holdfast reconcile`: look now."""

from __future__ import annotations

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb
from reconciler.cli.naming import REF


@click.command(cls=Verb)
@click.argument("refs", type=REF, nargs=-1, metavar="[KIND/NAME...]")
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
    many = len(operation["refs"])
    click.echo(f"looking at {many} resource{'' if many == 1 else 's'}", err=True)
