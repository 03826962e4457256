"""`holdfast status`: the node at a glance."""

from __future__ import annotations

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.plain import plain, plain_lines
from reconciler.cli.tables import aligned


@click.command(cls=Verb)
@output_as("table", "json", json="NodeView")
@at_node
def status(where: Where, output: str) -> int:
    """The node at a glance: how much of what is wished is so, and where its wishes come from.

    Exits 7 when no node runs, and shows what the last one has recorded.
    """
    with where.open(reading=True, recorded=True) as door:
        node, living = door.node(), door.living
    if output == "json":
        print_json(node)
        return exits.OK if living else exits.UNAVAILABLE
    age = node["last_pass_age_s"]
    if living:
        last = f"last pass {age:.0f} s ago" if age is not None else "no pass yet"
        click.echo(f"node {node['node_id'][:8]} {node['status']}, up for {node['uptime_s']:.0f} s, {last}")
    rows = [["KIND", "READY", "NOT READY", "STALLED"]]
    rows += [[k, str(r["ready"]), str(r["not_ready"]), str(r["stalled"])] for k, r in node["kinds"].items()]
    for line in aligned(rows):
        click.echo(line)
    for source in node["sources"]:
        trouble = source["error"] or source["held"]
        told = f"source {source['name']}: {source['revision'][:16] or '-'} of {source['location']}"
        click.echo(plain(told + (f" ({trouble})" if trouble else "")))
    for problem in node["problems"]:
        click.echo(plain_lines(f"! {problem}"))
    for warning in node["warnings"]:
        if warning not in node["problems"]:  # which the node is well with
            click.echo(plain_lines(f"warning: {warning}"))
    for ref in node["rebuilt"]["withheld"] if node["rebuilt"] is not None else ():
        click.echo(f"! stays until confirmed: {ref}")
    return exits.OK if living else exits.UNAVAILABLE
