"""`holdfast diff`: what apply would change. Exits 0 when nothing differs, 1 when something does."""

from __future__ import annotations

import json
from pathlib import Path

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.as_named import preview_as_named, problems_as_named
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.selecting import from_files
from reconciler.errors import Missing
from reconciler.writing import writing


@click.command(cls=Verb)
@from_files
@click.option("--out", type=click.Path(dir_okay=False), help="Save the changes, for `holdfast apply FILE`.")
@output_as("text", "json", json="PreviewView")
@at_node
def diff(
    where: Where,
    files: tuple[str, ...],
    set: str,
    prune: bool,
    allow_prune: bool,
    out: str | None,
    output: str,
) -> int:
    """Show what `apply` of the same would change. Changes nothing, and writes nothing."""
    from reconciler.cli.differences import show
    from reconciler.cli.files import bundle

    if out is not None and not Path(out).absolute().parent.is_dir():
        raise Missing(f"--out: {Path(out).parent} does not exist", remedy="make the folder first")
    with where.comparing() as door:
        wanted = bundle(files, set=set, prune=prune, allow_prune=allow_prune)
        with problems_as_named(wanted.names):
            preview = preview_as_named(door.diff(wanted), wanted.names)
    if out is not None:
        saved = {"holdfast": "plan", "preview": preview, "bundle": wanted.to_json()}
        with writing(Path(out)):
            Path(out).write_text(json.dumps(saved, indent=1), encoding="utf-8")
    if output == "json":
        print_json(preview)
    else:
        show(preview)
    return exits.DIFFERS if preview["differences"] else exits.OK
