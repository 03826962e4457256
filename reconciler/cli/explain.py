"""`holdfast explain`: why a resource is not ready, or what a field means."""

from __future__ import annotations

import click

from reconciler.cli.door import Where, at_node


@click.command()
@click.argument("what", metavar="KIND/NAME|KIND.FIELD...")
@at_node
def explain(where: Where, what: str) -> None:
    """Why is it not ready? The chain of causes down to the root. Or: the documentation of a field."""
    if "/" not in what:
        from reconciler.cli.fields import document

        click.echo(document(what))
        return
    with where.open(reading=True) as door:
        status = door.resource(what)["status"]
        causes = door.causes(what)
    if not causes:
        click.echo(
            f"{status['ref']} is ready: {status['reason']}"
            + (f", {status['message']}" if status["message"] else "")
        )
    for cause in causes:
        because = "because " if cause["depth"] else ""
        click.echo(
            f"{'  ' * cause['depth']}{because}{cause['ref']} is not ready: {cause['reason']}: {cause['message']}"
        )
