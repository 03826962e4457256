"""`holdfast source`: where wishes come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verbs, output_as
from reconciler.cli.naming import SOURCE
from reconciler.cli.plain import plain, plain_lines
from reconciler.cli.tables import aligned
from reconciler.errors import NotFound

if TYPE_CHECKING:
    from reconciler.views import RevisionView, SourceView

STATE = (
    "type",
    "location",
    "branch",
    "revision",
    "seen_revision",
    "applied_at",
    "held",
    "error",
    "signer",
)


@click.group(cls=Verbs)
def source() -> None:
    """Sources: where wishes come from."""


@source.command(name="ls")
@output_as("table", "json", json="a list of SourceView")
@at_node
def list_(where: Where, output: str) -> None:
    """List the sources, with the revision in force and what holds up a newer one."""
    with where.open(reading=True, recorded=True) as door:
        found = door.sources()
    if output == "json":
        print_json(found)
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
@output_as("text", "json", json="SourceResult")
@at_node
def show(where: Where, name: str, output: str) -> None:
    """Show a source: its state and problems, what it passes over, and the revisions it can go back to."""
    with where.open(reading=True, recorded=True) as door:
        found = next((one for one in door.sources() if one["name"] == name), None)
        revisions = door.revisions(name)
    if found is None and not revisions:
        raise NotFound(f"there is no source '{name}'", remedy="`holdfast source ls` lists them")
    if output == "json":
        print_json({**(found or {"name": name}), "revisions": revisions})
        return
    if found is not None:
        _show(found)
    for line in _lines(revisions):
        click.echo(plain(line))


def _show(found: SourceView) -> None:
    for key in STATE:
        if value := found[key]:  # type: ignore[literal-required] # they are members of it
            click.echo(plain(f"{key}: {value}"))
    for problem in found["problems"]:
        click.echo(plain_lines(f"! {problem}"))
    for notice in found["notices"]:
        click.echo(plain(f"notice: {notice}"))


@source.command()
@click.argument("name", type=SOURCE, default="root")
@output_as("table", "json", json="a list of RevisionView")
@at_node
def history(where: Where, name: str, output: str) -> None:
    """List the revisions that are kept, and what became of each: `rollback` goes back to one."""
    with where.open(reading=True, recorded=True) as door:
        revisions = door.revisions(name)
        known = bool(revisions) or any(one["name"] == name for one in door.sources())
    if not known:
        raise NotFound(f"there is no source '{name}'", remedy="`holdfast source ls` lists them")
    if output == "json":
        print_json(revisions)
        return
    for line in _lines(revisions):
        click.echo(plain(line))


def _lines(revisions: Sequence[RevisionView]) -> Iterator[str]:
    for one in revisions:
        yield f"{one['at']}  {one['outcome']:<11}  {one['revision'][:24]}  {one['message']}".rstrip()


@source.command()
@click.argument("name", type=SOURCE, default="root")
@output_as("text", "json", json="OperationView")
@at_node
def push(where: Where, name: str, output: str) -> None:
    """Tell the node that something was pushed there: it fetches at once. For a repository's hook."""
    from reconciler.cli.remote import located

    answer = where.remote().ask("POST", f"/api/v1/sources/{located(name)}/push")
    if output == "json":
        print_json(answer)
