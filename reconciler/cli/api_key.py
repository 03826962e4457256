"""`holdfast api-key`: who may ask the node over HTTP, and for what.

Rules: a secret is printed once, on standard output, by the verb that made it, and is never an argument.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verbs, given, output_as

if TYPE_CHECKING:
    from reconciler.views import NewApiKeyView

KEPT_NOWHERE = "keep the secret now: nobody can show it again"


@click.group(cls=Verbs)
def api_key() -> None:
    """API keys: who may ask the node over HTTP, and for what."""


@api_key.command()
@click.option("--name", required=True, help="What it is for, such as `CI Pipeline`.")
@click.option(
    "--permissions",
    default="read",
    show_default=True,
    help="Levels (read, write, admin), roles or scopes such as services:write, with commas between.",
)
@click.option("--expires", metavar="DURATION", help="It is refused after so long, such as `30d`.")
@output_as("text", "json")
@at_node
def create(where: Where, name: str, permissions: str, expires: str | None, output: str) -> None:
    """Make a key, and print its secret, once."""
    wanted = [one.strip() for one in permissions.split(",") if one.strip()]
    until = _from_now(expires) if expires else None
    with where.open() as door:
        _show(door.create_key(name, wanted, until, given("namespace", "default")), output)


def _show(made: NewApiKeyView, output: str) -> None:
    click.echo(json.dumps(made, indent=2) if output == "json" else made["secret"])
    click.echo(f"{made['ref']} ({made['id']}); {KEPT_NOWHERE}", err=True)


def _from_now(text: str) -> str:
    from datetime import UTC, datetime, timedelta

    from reconciler.cli.waiting_time import seconds

    return (datetime.now(UTC) + timedelta(seconds=seconds(text))).isoformat()
