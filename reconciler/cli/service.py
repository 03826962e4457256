"""`holdfast service`: a service stopped or restarted by hand, for a while."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verbs


@click.group(cls=Verbs)
def service() -> None:
    """Services: stop one for a while, and start it again."""


@service.command()
@click.argument("name")
@click.option("--for", "last", default="", metavar="DURATION", help="How long; until `start` if not said.")
@click.option("--reason", default="", help="Why: whoever finds it stopped will ask.")
@at_node
def stop(where: Where, name: str, last: str, reason: str) -> None:
    """Stop a service: a timed override of its manifest, with author and reason."""
    with where.open() as door:
        override = door.override(f"service/{name}", {"state": "stopped"}, reason, last)
    until = f"until {override['until']}" if override["until"] else f"until `holdfast service start {name}`"
    click.echo(f"{override['ref']} is stopped {until}", err=True)


@service.command()
@click.argument("name")
@at_node
def start(where: Where, name: str) -> None:
    """Take back a stop: the service goes by its manifest again."""
    with where.open() as door:
        door.end_override(f"service/{name}")
    click.echo(f"service/{name} goes by its manifest again, from {datetime.now(UTC):%H:%M:%S} on", err=True)
