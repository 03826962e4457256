"""`holdfast version`."""

from __future__ import annotations

import click

from reconciler import __version__
from reconciler.cli.as_json import print_json
from reconciler.cli.everywhere import Verb, output_as


@click.command(cls=Verb)
@output_as("text", "json", json="VersionResult")
def version(output: str) -> None:
    """Print the version."""
    if output == "json":
        print_json({"version": __version__})
        return
    click.echo(f"holdfast {__version__}")
