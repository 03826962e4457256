"""`holdfast validate`: manifests checked without a node."""

from __future__ import annotations

import click

from reconciler.cli import exits
from reconciler.cli.everywhere import PLACE, Verb


@click.command(cls=Verb)
@click.option(
    "-f", "--file", "files", type=PLACE, multiple=True, required=True, help="A file, a folder, or `-`."
)
def validate(files: tuple[str, ...]) -> int:
    """Check manifests: every error with its file, line and column. Needs no node."""
    from reconciler.cli.files import resources
    from reconciler.cli.plain import plain_lines
    from reconciler.errors import Rejected

    try:
        found = resources(files)
    except Rejected as rejected:
        for problem in rejected.problems:
            click.echo(plain_lines(str(problem)))
        count = len(rejected.problems)
        click.echo(f"{count} error{'s' if count > 1 else ''}", err=True)
        return exits.INVALID
    click.echo(f"{len(found)} resource{'s' if len(found) > 1 else ''}, no errors")
    return exits.OK
