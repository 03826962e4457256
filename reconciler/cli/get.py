"""`holdfast get`: lists of resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, given, output_as
from reconciler.cli.naming import KIND_OR_REF
from reconciler.cli.tables import table

if TYPE_CHECKING:
    from reconciler.views import ResourceView

FORMATS = ["table", "wide", "json", "yaml", "name"]


@click.command(cls=Verb)
@click.argument("what", type=KIND_OR_REF, default="all", metavar="[KIND|KIND/NAME|all]")
@click.option("-A", "--all-namespaces", is_flag=True, help="All of them, as without a -n.")
@click.option("-l", "--selector", default="", help="Only what has all of these labels: `a=b,c=d`.")
@output_as(*FORMATS, json="a list of ResourceView")
@at_node
def get(where: Where, what: str, all_namespaces: bool, selector: str, output: str) -> None:
    """List resources: all, those of a kind, or one."""
    namespace = "" if all_namespaces else given("namespace", "")
    with where.open(reading=True, recorded=True) as door:
        if "/" in what:
            found = [door.resource(what)]
        else:
            query = {"kind": "" if what == "all" else what, "namespace": namespace, "labels": selector}
            found = door.resources({key: value for key, value in query.items() if value})
    show(found, output)


def show(found: list[ResourceView], output: str) -> None:
    match output:
        case "json":
            print_json(found)
        case "yaml":
            from yaml import CSafeDumper, dump

            click.echo(dump(found, Dumper=CSafeDumper, sort_keys=False, allow_unicode=True), nl=False)
        case "name":
            for one in found:
                click.echo(one["status"]["ref"])
        case _:
            for line in table(found, wide=output == "wide"):
                click.echo(line)
