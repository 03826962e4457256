"""`holdfast validate`: manifests checked without a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.everywhere import PLACE, Verb, output_as

if TYPE_CHECKING:
    from reconciler.cli.results import ValidateResult


@click.command(cls=Verb)
@click.option(
    "-f", "--file", "files", type=PLACE, multiple=True, required=True, help="A file, a folder, or `-`."
)
@output_as("text", "json", json="ValidateResult")
def validate(files: tuple[str, ...], output: str) -> int:
    """Check manifests: every error with its file, line and column. Needs no node."""
    from reconciler.cli.files import resources
    from reconciler.cli.plain import plain_lines
    from reconciler.cli.problems import misplaced
    from reconciler.errors import Rejected

    result: ValidateResult = {"resources": [], "errors": []}
    try:
        found = resources(files)
    except Rejected as rejected:
        if output == "json":
            print_json({**result, "errors": misplaced(rejected)})
            return exits.INVALID
        for problem in rejected.problems:
            click.echo(plain_lines(str(problem)))
        count = len(rejected.problems)
        click.echo(f"{count} error{'s' if count > 1 else ''}", err=True)
        return exits.INVALID
    if output == "json":
        print_json({**result, "resources": sorted(map(str, found))})
        return exits.OK
    click.echo(f"{len(found)} resource{'s' if len(found) > 1 else ''}, no errors")
    return exits.OK
