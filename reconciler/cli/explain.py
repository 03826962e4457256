"""`holdfast explain`: why a resource is not ready, or what a field means."""

from __future__ import annotations

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb
from reconciler.cli.naming import KIND_OR_REF
from reconciler.cli.plain import plain


@click.command(cls=Verb)
@click.argument("what", type=KIND_OR_REF, metavar="KIND/NAME|KIND.FIELD...")
@at_node
def explain(where: Where, what: str) -> None:
    """Why is it not ready? The chain of causes down to the root. Or: the documentation of a field."""
    if "/" not in what:
        from reconciler.cli.fields import document
        from reconciler.runtime.plugins import find_kinds

        click.echo(document(what, find_kinds()))
        return
    with where.open(reading=True, recorded=True) as door:
        status = door.resource(what)["status"]
        causes = door.causes(what)
    if not causes:
        because = f", {status['message']}" if status["message"] else ""
        click.echo(plain(f"{status['ref']} is ready: {status['reason']}{because}"))
    for cause in causes:
        because = "because " if cause["depth"] else ""
        told = f"{cause['ref']} is not ready: {cause['reason']}: {cause['message']}"
        click.echo(plain(f"{'  ' * cause['depth']}{because}{told}"))
