"""`holdfast describe`: all that is known of one resource."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.naming import REF
from reconciler.cli.plain import plain

if TYPE_CHECKING:
    from reconciler.views import PlannedView, ResourceView

PLANS = 5


@click.command(cls=Verb)
@click.argument("ref", type=REF, metavar="KIND/NAME")
@output_as("text", "json", json="DescribeResult")
@at_node
def describe(where: Where, ref: str, output: str) -> None:
    """Show all that is known of a resource: wish, status, facts, overrides, what was done lately."""
    with where.open(reading=True, recorded=True) as door:
        found, plans, causes = door.resource(ref), door.plans(ref), door.causes(ref)
    if output == "json":
        print_json({**found, "plans": plans, "causes": causes})
        return
    for line in _resource(found):
        click.echo(plain(line))
    for cause in causes[1:]:
        told = f"{'  ' * cause['depth']}because {cause['ref']}: {cause['reason']}: {cause['message']}"
        click.echo(plain(told))
    for line in _plans(plans[:PLANS]):
        click.echo(plain(line))


def _resource(found: ResourceView) -> Iterator[str]:
    status, origin = found["status"], found["origin"]
    yield status["ref"]
    place = f"{origin['file']}:{origin['line']}" if origin["file"] else origin["source"]
    yield f"  declared at {place} (source {origin['source']}, {origin['managed_by']})"
    yield f"  generation {status['generation']}, observed {status['observed_generation']}"
    for condition in status["conditions"]:
        message = f": {condition['message']}" if condition["message"] else ""
        since = condition["last_transition_time"]
        yield f"  {condition['type']}={condition['status']} {condition['reason']}{message} (since {since})"
    yield from _section("labels", found["metadata"]["labels"])
    yield from _section("spec", found["spec"] or {})
    yield from _section("facts", found["facts"])
    for override in found["overrides"]:
        until = f"until {override['until']}" if override["until"] else "until it is taken back"
        yield f"  overridden by {override['author']} {until}: {override['reason'] or 'no reason given'}"
        yield from _section("patch", override["patch"])


def _section(name: str, values: dict[str, object]) -> Iterator[str]:
    if values:
        yield f"  {name}:"
        for key, value in values.items():
            bare = isinstance(value, str) and value.isprintable()
            text = value if bare else json.dumps(value, ensure_ascii=False)
            yield f"    {key}: {text}"


def _plans(plans: list[PlannedView]) -> Iterator[str]:
    if plans:
        yield "  done lately:"
    for plan in plans:
        paths = ", ".join(".".join(change["path"]) or "all" for change in plan["changes"])
        steps = ", ".join(str(step["step"]) for step in plan["steps"])
        yield f"    {plan['at']}  {steps}  (differed in {paths})"
