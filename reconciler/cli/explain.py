"""`holdfast explain`: why a resource is not ready, what a field means, which kinds there are."""

from __future__ import annotations

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import KIND_OR_REF
from reconciler.cli.plain import plain
from reconciler.cli.tables import aligned


@click.command(cls=Verb)
@click.argument("what", type=KIND_OR_REF, required=False, metavar="[KIND/NAME|KIND.FIELD...]")
@output_as("text", "json", json="ExplainResult; of a field: FieldResult; of no name: a list of KindResult")
@at_node
def explain(where: Where, what: str | None, output: str) -> None:
    """Why is it not ready? The chain of causes down to the root. Or: the documentation of a field.

    Without a name: which kinds there are.
    """
    if what is None:
        _kinds(output)
        return
    if "/" not in what:
        _field(what, output)
        return
    with where.open(reading=True, recorded=True) as door:
        status = door.resource(what)["status"]
        causes = door.causes(what)
    if output == "json":
        result = {name: status[name] for name in ("ref", "ready", "reason", "message")}
        print_json({**result, "causes": causes})
        return
    if not causes:
        because = f", {status['message']}" if status["message"] else ""
        click.echo(plain(f"{status['ref']} is ready: {status['reason']}{because}"))
    for cause in causes:
        because = "because " if cause["depth"] else ""
        told = f"{cause['ref']} is not ready: {cause['reason']}: {cause['message']}"
        click.echo(plain(f"{'  ' * cause['depth']}{because}{told}"))


def _kinds(output: str) -> None:
    from reconciler.cli.fields import every_kind
    from reconciler.runtime.plugins import find_kinds

    found = every_kind(find_kinds())
    if output == "json":
        print_json(found)
        return
    for line in aligned([["KIND", "WHAT IT IS"], *([one["name"], one["description"]] for one in found)]):
        click.echo(line)


def _field(path: str, output: str) -> None:
    from reconciler.cli.fields import document, lines
    from reconciler.runtime.plugins import find_kinds

    found = document(path, find_kinds())
    if output == "json":
        print_json(found)
        return
    for line in lines(found):
        click.echo(line)
