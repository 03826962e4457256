"""`holdfast reconcile`: look now."""

from __future__ import annotations

from collections.abc import Collection

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Door, Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import REF
from reconciler.ref_text import parted


@click.command(cls=Verb)
@click.argument("refs", type=REF, nargs=-1, metavar="[KIND/NAME...]")
@click.option(
    "--allow-prune",
    is_flag=True,
    help="Let what the sources declare now take away much, and what stayed because the store was lost.",
)
@output_as("text", "json", json="OperationView")
@at_node
def reconcile(where: Where, refs: tuple[str, ...], allow_prune: bool, output: str) -> None:
    """Look at resources now, and begin the tries anew; a source is fetched. Without a name: at all."""
    with where.open() as door:
        if allow_prune and not _awaited(door, refs):
            click.echo("nothing waits for a confirmation: --allow-prune counts for this look alone", err=True)
        operation = door.reconcile(refs, allow_prune=allow_prune)
    if output == "json":
        print_json(operation)
        return
    many = len(operation["refs"])
    click.echo(f"looking at {many} resource{'' if many == 1 else 's'}", err=True)


def _awaited(door: Door, refs: tuple[str, ...]) -> bool:
    """Whether something that is to go stays until a person allows it, for one of these sources or for all."""
    if door.node()["rebuilt"] is not None:
        return True
    named = {parted(ref) for ref in refs}
    sources = [one for one in door.sources() if not named or _is_named(one["name"], named)]
    return any(one["held"] == "PruneBudget" or one["withheld"] or one["error"] for one in sources)


def _is_named(source: str, refs: Collection[tuple[str, str, str]]) -> bool:
    namespace, _, name = source.rpartition("/")
    own = (namespace or "default", name)
    return any(kind.lower().rstrip("s") == "source" and (where, what) == own for kind, where, what in refs)
