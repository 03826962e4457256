"""`holdfast down`: the services and the node."""

from __future__ import annotations

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb
from reconciler.errors import Unavailable


@click.command(cls=Verb)
@click.option("--keep-services", is_flag=True, help="Stop only the node.")
@at_node
def down(where: Where, keep_services: bool) -> None:
    """Stop the services and the node."""
    if not where.runs:
        raise Unavailable(
            f"no node runs on {where.data}", remedy="`holdfast status --data DIR` looks elsewhere"
        )
    query = {"services": "false" if keep_services else "true"}
    where.remote().ask("POST", "/api/v1/daemon/shutdown", query)
    click.echo("stopping", err=True)
