"""`holdfast version`."""

from __future__ import annotations

import click

from reconciler import __version__
from reconciler.cli.everywhere import Verb


@click.command(cls=Verb)
def version() -> None:
    """Print the version."""
    click.echo(f"holdfast {__version__}")
