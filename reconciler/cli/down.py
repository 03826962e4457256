"""`holdfast down`: the services and the node.

Rules: it returns when they have ended, so that what comes after it finds nothing running. Services outlive
their node, so where none runs any more they are stopped from here.
"""

from __future__ import annotations

import time

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as
from reconciler.cli.waiting_time import seconds
from reconciler.errors import Problem, Unavailable

LOOK_S = 0.05


@click.command(cls=Verb)
@click.option("--keep-services", is_flag=True, help="Stop only the node.")
@click.option("--timeout", default="60s", show_default=True, help="How long to wait for their end.")
@output_as("text", "json", json="DownResult")
@at_node
def down(where: Where, keep_services: bool, timeout: str, output: str) -> int:
    """Stop the services and the node, and wait for their end. Exits 9 when it takes too long.

    Where the node has ended already, its services are stopped all the same.
    """
    if not where.runs:
        return _without_a_node(where, keep_services, timeout, output)
    query = {"services": "false" if keep_services else "true"}
    end = time.monotonic() + seconds(timeout)
    where.remote().ask("POST", "/api/v1/daemon/shutdown", query)
    while not _ended(where):
        if time.monotonic() > end:
            return _not_in_time(timeout)
        time.sleep(LOOK_S)
    said = "stopped; the services go on" if keep_services else "stopped, services and node"
    return _told(said, output, node=True, services=not keep_services)


def _without_a_node(where: Where, keep_services: bool, timeout: str, output: str) -> int:
    from reconciler.cli.local_door import local_door

    nothing = Unavailable(
        f"no node runs on {where.data}", remedy="`holdfast down --data DIR` looks elsewhere"
    )
    if keep_services:
        raise nothing
    with local_door(where.data, reading=True) as door:
        if not door.something_runs:
            raise nothing
    with local_door(where.data, reading=False) as door:
        if not door.end_services(seconds(timeout)):
            return _not_in_time(timeout)
    return _told("stopped the services; no node ran", output, node=False, services=True)


def _told(said: str, output: str, *, node: bool, services: bool) -> int:
    if output == "json":
        print_json({"node": node, "services": services})
    else:
        click.echo(said, err=True)
    return exits.OK


def _not_in_time(timeout: str) -> int:
    click.echo(f"not ended in {timeout}; it goes on stopping", err=True)
    return exits.TIMEOUT


def _ended(where: Where) -> bool:
    """By its folder's lock; of a node that is known by its address alone, by its silence."""
    if not where.address:
        from reconciler.runtime.lock import is_free

        return is_free(where.data)
    try:
        where.remote().ask("GET", "/health")
    except Unavailable:
        return True
    except Problem:
        return False
    return False
