"""`holdfast init`: a first manifest, and what to do next."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.everywhere import Verb, output_as
from reconciler.errors import Conflict, Invalid
from reconciler.writing import writing

FIRST = """\
# One service, and how to tell that it works. `holdfast explain service` lists every field.
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: hello}
spec:
  command: [python3, -m, http.server, "8000", --bind, 127.0.0.1]
  health: {http: {url: "http://127.0.0.1:8000/"}}
"""


@click.command(cls=Verb)
@click.argument("folder", default=".", type=click.Path(file_okay=False))
@output_as("text", "json", json="InitResult")
def init(folder: str, output: str) -> None:
    """Write a first manifest into FOLDER and say what to do next."""
    if not folder:
        raise Invalid("an empty name for the folder", remedy="is a variable unset? Without one: this folder")
    path = Path(folder) / "hello.yaml"
    if path.exists():
        raise Conflict(f"{path} is there already", remedy="nothing was written; choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with writing(path):
            path.write_text(FIRST, encoding="utf-8")
    except OSError:
        path.unlink(missing_ok=True)  # half of one would be in the way of the next try
        raise
    if output == "json":
        print_json({"wrote": str(path)})
        return
    click.echo(f"wrote {path}")
    click.echo(f"next: holdfast up {folder}", err=True)
