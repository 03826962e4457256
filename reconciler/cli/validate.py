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
    from reconciler.cli.files import manifests
    from reconciler.cli.plain import plain_lines
    from reconciler.errors import Rejected
    from reconciler.runtime.bundle import checked
    from reconciler.runtime.plugins import find_kinds

    kinds = find_kinds()
    try:
        resources = checked(dict(manifests(files)), kinds)
    except Rejected as rejected:
        for problem in rejected.problems:
            click.echo(plain_lines(str(problem)))
        count = len(rejected.problems)
        click.echo(f"{count} error{'s' if count > 1 else ''}", err=True)
        return exits.INVALID
    click.echo(f"{len(resources)} resource{'s' if len(resources) > 1 else ''}, no errors")
    return exits.OK
