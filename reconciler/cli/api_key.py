"""`holdfast api-key`: who may ask the node over HTTP, and for what.

Rules: a secret is printed once, on standard output, by the verb that made it, and is never an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import PLACE, Verbs, given, output_as
from reconciler.cli.naming import API_KEY
from reconciler.cli.plain import plain
from reconciler.cli.tables import aligned
from reconciler.errors import Conflict

if TYPE_CHECKING:
    from reconciler.views import ApiKeyView, NewApiKeyView

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
@output_as("text", "json", json="NewApiKeyView")
@at_node
def create(where: Where, name: str, permissions: str, expires: str | None, output: str) -> None:
    """Make a key, and print its secret, once."""
    wanted = [one.strip() for one in permissions.split(",") if one.strip()]
    until = _from_now(expires) if expires else None
    with where.open() as door:
        _show(door.create_key(name, wanted, until, given("namespace", "default")), output)


@api_key.command(name="list")
@output_as("table", "json", json="a list of ApiKeyView")
@at_node
def list_(where: Where, output: str) -> None:
    """List the keys, without their secrets."""
    with where.open(reading=True) as door:
        found = door.keys()
    if output == "json":
        print_json(found)
        return
    rows = [["ID", "NAME", "BEGINS", "PERMISSIONS", "STATE", "LAST USED"]]
    rows += [
        [
            one["id"],
            one["name"],
            one["prefix"],
            _permissions(one),
            _state(one),
            one["last_used_at"] or "never",
        ]
        for one in found
    ]
    for line in aligned(rows):
        click.echo(plain(line))


@api_key.command()
@click.argument("key", type=API_KEY)
@output_as("text", "json", json="ApiKeyView")
@at_node
def show(where: Where, key: str, output: str) -> None:
    """Show a key, by its id or its name."""
    with where.open(reading=True) as door:
        found = door.key(key)
    if output == "json":
        print_json(found)
        return
    told = {**found, "permissions": _permissions(found), "state": _state(found)}
    for name, value in told.items():
        if value not in (None, "", True):
            click.echo(plain(f"{name}: {value}"))


@api_key.command()
@click.argument("key", type=API_KEY)
@output_as("text", "json", json="RefResult")
@at_node
def revoke(where: Where, key: str, output: str) -> None:
    """Take a key back, by its id or its name: from now on it opens nothing."""
    with where.open() as door:
        ref = door.key(key)["ref"]
        door.revoke_key(key)
    if output == "json":
        print_json({"ref": ref})
        return
    click.echo(f"revoked: {key}", err=True)


@api_key.command()
@click.argument("key", type=API_KEY)
@click.option("--grace", metavar="DURATION", default="0s", help="How long the old secret goes on.")
@output_as("text", "json", json="NewApiKeyView")
@at_node
def rotate(where: Where, key: str, grace: str, output: str) -> None:
    """Give a key a new secret, and print that, once."""
    from reconciler.cli.waiting_time import seconds

    with where.open() as door:
        _show(door.rotate_key(key, round(seconds(grace))), output)


@api_key.command(name="import")
@click.argument("file", type=PLACE)
@output_as("text", "json", json="a list of RefResult")
@at_node
def import_(where: Where, file: str, output: str) -> None:
    """Take over the keys of LibreSeed's `api-keys.yaml`: they go on opening, their hashes are kept."""
    from reconciler.cli.key_file import read
    from reconciler.runtime.api_keys import SET
    from reconciler.runtime.bundle import Bundle

    found = read(file, given("namespace", "default"))
    with where.open() as door:
        known = door.keys()
        there = {one["ref"]: one["id"] for one in known}
        for one in found:
            if there.get(str(one.ref), one.id) != one.id:
                raise Conflict(f"there is another {one.ref} already", remedy="give one of them another name")
        manifests = {f"{one.ref.name}.yaml": one.manifest for one in found}
        door.apply(Bundle(manifests, set=SET), at_once=True)
    if output == "json":
        print_json([{"ref": str(one.ref)} for one in found])
        return
    names = ", ".join(str(one.ref) for one in found)
    click.echo(f"taken over: {names}; {file} still has them in clear", err=True)


def _permissions(key: ApiKeyView) -> str:
    return ", ".join(
        one if isinstance(one, str) else f"{one['scope']} (limited)" for one in key["permissions"]
    )


def _state(key: ApiKeyView) -> str:
    if not key["enabled"]:
        return "disabled"
    return f"until {key['expires_at']}" if key["expires_at"] else "enabled"


def _show(made: NewApiKeyView, output: str) -> None:
    if output == "json":
        print_json(made)
    else:
        click.echo(made["secret"])
    click.echo(f"{made['ref']} ({made['id']}); {KEPT_NOWHERE}", err=True)


def _from_now(text: str) -> str:
    from datetime import UTC, datetime, timedelta

    from reconciler.cli.waiting_time import seconds

    return (datetime.now(UTC) + timedelta(seconds=seconds(text))).isoformat()
