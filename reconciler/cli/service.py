"""`holdfast service`: a service stopped or restarted by hand, for a while, and looked at."""

from __future__ import annotations

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verbs, output_as
from reconciler.cli.following import Followed, follow, wait_for
from reconciler.cli.logs import logs
from reconciler.cli.naming import SERVICE
from reconciler.cli.resume import take_back
from reconciler.cli.service_usage import stats
from reconciler.cli.waiting_time import seconds
from reconciler.errors import Conflict, Unavailable

SPARE_S = 30.0  # a stop that nobody took back ends so long after its time


@click.group(cls=Verbs)
def service() -> None:
    """Services: stop one for a while, start it again, read its output, see what it uses."""


service.add_command(logs)
service.add_command(stats)


@service.command()
@click.argument("name", type=SERVICE)
@click.option("--for", "last", default="", metavar="DURATION", help="How long; until `start` if not said.")
@click.option("--reason", default="", help="Why: whoever finds it stopped will ask.")
@output_as("text", "json", json="OverrideView")
@at_node
def stop(where: Where, name: str, last: str, reason: str, output: str) -> None:
    """Stop a service: a timed override of its manifest, with author and reason."""
    with where.open() as door:
        override = door.override(name, {"state": "stopped"}, reason, last)
    if output == "json":
        print_json(override)
        return
    until = f"until {override['until']}" if override["until"] else f"until `holdfast service start {name}`"
    why = f" ({override['reason']})" if override["reason"] else ""
    click.echo(f"{override['ref']} is stopped by {override['author']} {until}{why}", err=True)


@service.command()
@click.argument("name", type=SERVICE)
@output_as("text", "json", json="RefResult")
@at_node
def start(where: Where, name: str, output: str) -> None:
    """Take back a stop: the service goes by its manifest again."""
    take_back(where, name, output)


@service.command()
@click.argument("name", type=SERVICE)
@click.option("--reason", default="restart", show_default=True, help="Why: it stands beside the stop.")
@click.option("--timeout", default="60s", show_default=True, help="How long to wait for its end.")
@output_as("text", "json", json="a list of StatusView")
@at_node
def restart(where: Where, name: str, reason: str, timeout: str, output: str) -> int:
    """Stop a service and start it again. Should this command die between, it starts again by itself."""
    if not where.runs:
        raise Unavailable(f"no node runs on {where.data}", remedy="`holdfast up` starts one")
    with where.open() as door:
        before = door.resource(name)
        if before["overrides"]:
            one = before["overrides"][0]
            raise Conflict(
                f"{name} is overridden by {one['author']} ({one['reason'] or 'no reason given'})",
                remedy="a restart would take that back; `holdfast resume` does so, and says it",
            )
        door.override(name, {"state": "stopped"}, reason, f"{seconds(timeout) + SPARE_S:g}s")
        try:
            stopped = wait_for(door, [name], lambda one: one["reason"] == "Stopped", seconds(timeout))
        finally:
            door.end_override(name)
        if any(one["reason"] != "Stopped" for one in stopped.statuses):
            click.echo(f"{name} did not stop in {timeout}", err=True)
            followed = Followed(stopped.statuses, exits.TIMEOUT)
        else:
            followed = follow(door, [name], seconds(timeout))
    if output == "json":
        print_json(followed.statuses)
    return followed.exit
