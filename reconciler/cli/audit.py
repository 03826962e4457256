"""`holdfast audit`: who has asked for what, and whether anybody was at the log."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verbs, output_as
from reconciler.cli.plain import plain
from reconciler.cli.tables import aligned
from reconciler.cli.waiting_time import moment
from reconciler.errors import Invalid, NotFound

if TYPE_CHECKING:
    from reconciler.store.chain import Head

HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@click.group(cls=Verbs)
def audit() -> None:
    """The audit trail: what somebody has asked for, in a log that shows every hand that was at it."""


@audit.command(name="ls")
@click.option("--actor", default="", help="Only what this one has asked for, such as `uid:0 root`.")
@click.option("--action", default="", help="Only this, such as `operation.apply` or `operation.*`.")
@click.option("--since", default="", metavar="TIME", help="Only from then on: `10m` ago, or in ISO 8601.")
@click.option(
    "--tail",
    "number",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many of the latest.",
)
@output_as("table", "json", json="a list of AuditView")
@at_node
def list_(where: Where, actor: str, action: str, since: str, number: int, output: str) -> None:
    """Who has asked for what, and what became of it, the latest last."""
    query = {"actor": actor, "action": action, "since": moment(since)}
    with where.open(reading=True) as door:
        found = door.audit({key: value for key, value in query.items() if value}, number)
    if output == "json":
        print_json(found)
        return
    rows = [["ID", "TIME", "ACTOR", "ACTION", "RESULT", "RESOURCE", "REQUEST"]]
    rows += [
        [
            str(one["id"]),
            one["timestamp"],
            one["actor"],
            one["action"],
            one["result"],
            ", ".join(one["resource"]),
            one["request_id"],
        ]
        for one in found
    ]
    for line in aligned(rows):
        click.echo(plain(line))


@audit.command()
@click.option("--noted", metavar="ID:LINK", help="A head of an earlier day, which the chain must still pass.")
@output_as("table", "json", json="ChainResult")
@at_node
def verify(where: Where, noted: str | None, output: str) -> int:
    """Walk the chain of the log from its first event to its last, and name what is not as it was written.

    Reads the node's own folder, whether a node runs or not. Note the head that it prints, elsewhere: whoever
    writes all anew cannot bring that one back. Exits 3 when the chain is broken.
    """
    from reconciler.store.chain import verify as walk
    from reconciler.store.examining import looked_at

    store = where.data / "holdfast.db"
    if not store.exists():
        raise NotFound(f"there is no store in {where.data}", remedy="name the node's folder with --data")
    with looked_at(store, living=where.runs) as connection:
        found = walk(connection, _head(noted) if noted else None)
    if output == "json":
        print_json({**asdict(found), "head": str(found.head)})
    else:
        for fault in found.faults:
            click.echo(f"! {fault}")
        before = f", {found.unchained} of them from before there was a chain" if found.unchained else ""
        click.echo(f"{found.events} events{before}: {'BROKEN' if found.faults else 'whole'}")
        click.echo(f"head: {found.head}")
    return exits.FAILED if found.faults else exits.OK


def _head(text: str) -> Head:
    from reconciler.store.chain import Head

    said = HEAD.fullmatch(text)
    if said is None:
        raise Invalid(
            f"'{text}' is no head", remedy="give what `holdfast audit verify` printed behind `head:`"
        )
    return Head(int(said[1]), said[2])
