"""`holdfast key`: the public halves of keys, and pairs that were made elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verbs, given, output_as
from reconciler.cli.get import FORMATS
from reconciler.cli.get import show as show_all
from reconciler.cli.keystore import content, keystore, namespace, readable
from reconciler.cli.naming import KEY

if TYPE_CHECKING:
    from reconciler.cli.results import KeyResult
    from reconciler.model import Ref
    from reconciler.public_key import PublicKey


@click.group(cls=Verbs)
def key() -> None:
    """Keys: the pairs that the node holds, and those that it trusts."""


@key.command(name="ls")
@click.option("-l", "--selector", default="", help="Only what has all of these labels: `a=b,c=d`.")
@output_as(*FORMATS, json="a list of ResourceView")
@at_node
def list_(where: Where, selector: str, output: str) -> None:
    """List the keys that are declared, with their fingerprints."""
    query = {"kind": "key", "labels": selector, "namespace": given("namespace", "")}
    with where.open(reading=True, recorded=True) as door:
        show_all(door.resources({name: value for name, value in query.items() if value}), output)


@key.command()
@click.argument("name", type=KEY)
@click.option("--fingerprint", is_flag=True, help="As `ed25519:` and hex digits, instead of OpenSSH's form.")
@output_as("text", "json", json="KeyResult")
def show(name: str, fingerprint: bool, output: str) -> None:
    """Print the public half of a key."""
    from reconciler.errors import NotFound
    from reconciler.model import Ref

    ref = Ref("Key", namespace(), name)
    known = keystore().keys.get(ref)
    if known is None:
        raise NotFound(
            f"{ref} is not in the keystore", remedy="`holdfast get key` lists those that are declared"
        )
    if output == "json":
        print_json(_result(ref, known.public))
        return
    click.echo(known.public.fingerprint if fingerprint else f"{known.public.openssh} {name}")


@key.command(name="import")
@click.argument("name")
@click.argument("file", type=readable)
@output_as("text", "json", json="KeyResult")
def import_(name: str, file: str, output: str) -> None:
    """Put in a private key that was made elsewhere, from FILE (`-`: standard input).

    It is used once a Key of this name is declared with `generate: true` and `adopt: true`.
    """
    import asyncio

    ref = _declarable(name)
    public = asyncio.run(keystore().keys.take(ref, content(file, "")))
    if output == "json":
        print_json(_result(ref, public))
        return
    click.echo(f"{ref} {public.fingerprint}")
    click.echo(f"next: declare {ref} with a `role`, `generate: true` and `adopt: true`", err=True)


def _declarable(name: str) -> Ref:
    """Refused where no manifest could bear it: what is put in under such a name is never used."""
    from pydantic import ValidationError

    from reconciler.errors import Invalid
    from reconciler.model import Ref
    from reconciler.sources.metadata import Metadata

    try:
        named = Metadata(name=name, namespace=namespace())
    except ValidationError as error:
        (field,), told = error.errors()[0]["loc"], error.errors()[0]["msg"]
        raise Invalid(f"{field}: {told.removeprefix('Value error, ')}") from error
    return Ref("Key", named.namespace, named.name)


def _result(ref: Ref, public: PublicKey) -> KeyResult:
    openssh = f"{public.openssh} {ref.name}"
    return {"ref": str(ref), "openssh": openssh, "fingerprint": public.fingerprint}
