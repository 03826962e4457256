"""`holdfast source`: where wishes come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verbs, output_as
from reconciler.cli.naming import SOURCE
from reconciler.cli.plain import plain, plain_lines
from reconciler.cli.tables import aligned
from reconciler.errors import NotFound

if TYPE_CHECKING:
    from reconciler.views import RevisionView


@click.group(cls=Verbs)
def source() -> None:
    """Sources: where wishes come from."""


@source.command(name="ls")
@output_as("table", "json")
@at_node
def list_(where: Where, output: str) -> None:
    """List the sources, with the revision in force and what holds up a newer one."""
    with where.open(reading=True) as door:
        found = door.sources()
    if output == "json":
        click.echo(json.dumps(found, indent=2, sort_keys=True))
        return
    rows = [["NAME", "TYPE", "REVISION", "RESOURCES", "LOCATION", "TROUBLE"]]
    rows += [
        [
            s["name"],
            s["type"],
            s["revision"][:16] or "-",
            str(s["resources"]),
            s["location"],
            s["error"]
            or s["held"]
            or (f"{len(s['withheld'])} stay until confirmed" if s["withheld"] else ""),
        ]
        for s in found
    ]
    for line in aligned(rows):
        click.echo(line)


@source.command()
@click.argument("name", type=SOURCE, default="root")
@at_node
def show(where: Where, name: str) -> None:
    """Show a source: its state and problems, what it passes over, and the revisions it can go back to."""
    with where.open(reading=True) as door:
        found = next((one for one in door.sources() if one["name"] == name), None)
        revisions = door.revisions(name)
    if found is None and not revisions:
        raise NotFound(f"there is no source '{name}'", remedy="`holdfast source ls` lists them")
    if found is not None:
        for key in (
            "type",
            "location",
            "branch",
            "revision",
            "seen_revision",
            "applied_at",
            "held",
            "error",
            "signer",
        ):
            if found[key]:
                click.echo(plain(f"{key}: {found[key]}"))
        for problem in found["problems"]:
            click.echo(plain_lines(f"! {problem}"))
        for notice in found["notices"]:
            click.echo(plain(f"notice: {notice}"))
    for line in _lines(revisions):
        click.echo(plain(line))


@source.command()
@click.argument("name", type=SOURCE, default="root")
@output_as("table", "json")
@at_node
def history(where: Where, name: str, output: str) -> None:
    """List the revisions that are kept, and what became of each: `rollback` goes back to one."""
    with where.open(reading=True) as door:
        revisions = door.revisions(name)
        known = bool(revisions) or any(one["name"] == name for one in door.sources())
    if not known:
        raise NotFound(f"there is no source '{name}'", remedy="`holdfast source ls` lists them")
    if output == "json":
        click.echo(json.dumps(revisions, indent=2, sort_keys=True))
        return
    for line in _lines(revisions):
        click.echo(plain(line))


def _lines(revisions: Sequence[RevisionView]) -> Iterator[str]:
    for one in revisions:
        yield f"{one['at']}  {one['outcome']:<11}  {one['revision'][:24]}  {one['message']}".rstrip()


@source.command()
@click.argument("name", type=SOURCE, default="root")
@at_node
def push(where: Where, name: str) -> None:
    """Tell the node that something was pushed there: it fetches at once. For a repository's hook."""
    from reconciler.cli.remote import located

    where.remote().ask("POST", f"/api/v1/sources/{located(name)}/push")
