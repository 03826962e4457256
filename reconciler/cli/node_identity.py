"""`holdfast node identity`: the one thing to back up.

Rules: the secret half is printed by `export` alone; nothing that can still be needed is dropped
without being asked twice.
"""

from __future__ import annotations

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.everywhere import Verbs, given_form, output_as
from reconciler.cli.keystore import content, keystore, readable
from reconciler.cli.printed import print_text, text_or_json


@click.group(cls=Verbs, invoke_without_command=True)
@click.pass_context
def identity(ctx: click.Context) -> None:
    """Print whom to encrypt to; or back it up, take it in, replace it."""
    if ctx.invoked_subcommand is not None:
        return
    recipient = keystore().recipient
    if given_form("text", "json") == "json":
        print_json({"recipient": recipient})
        return
    click.echo(recipient)


@identity.command()
@text_or_json
def export(output: str) -> None:
    """Print the backup of this node, secret half and keys included."""
    print_text(keystore().export(), output)


@identity.command(name="import")
@click.argument("file", type=readable)
@output_as("text", "json", json="IdentityResult")
def import_(file: str, output: str) -> None:
    """Take in what `export` printed, from FILE (`-`: standard input). Loses nothing that is here."""
    store = keystore()
    backup = store.restore(content(file, "").decode(errors="replace"))
    if output == "json":
        print_json({"recipient": store.recipient})
        return
    click.echo(f"this node is {store.recipient}, with {len(backup.keys)} keys from the backup", err=True)


@identity.command()
@click.option("--lost", is_flag=True, help="The old one is lost for good: give up what only it can open.")
@output_as("text", "json", json="IdentityResult")
def rotate(lost: bool, output: str) -> None:
    """Make a new identity. Values that were encrypted to the old one can still be read."""
    store = keystore()
    recipient = store.rotate(lost=lost)
    if output == "json":
        print_json({"recipient": recipient})
        return
    click.echo(recipient)
    click.echo(
        "next: back it up (`holdfast node identity export`), encrypt the repository's values anew "
        "(`holdfast secret reencrypt FILES`), then drop the old one (`holdfast node identity forget`)",
        err=True,
    )


@identity.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_as("text", "json", json="ForgottenResult")
def forget(yes: bool, output: str) -> None:
    """Drop the earlier identities: what is still encrypted to them cannot be read again."""
    store = keystore()
    earlier = store.earlier()
    if earlier and not yes:
        click.echo("\n".join(earlier), err=True)
        click.confirm(f"Drop these {len(earlier)}?", abort=True, err=True)
    dropped = store.forget()
    if output == "json":
        print_json({"dropped": dropped})
        return
    click.echo(f"{dropped} dropped", err=True)
