"""`holdfast node identity`: the one thing to back up.

Rules: the secret half is printed by `export` alone; nothing that can still be needed is dropped
without being asked twice.
"""

from __future__ import annotations

import click

from reconciler.cli.everywhere import Verbs
from reconciler.cli.keystore import content, keystore, readable


@click.group(cls=Verbs, invoke_without_command=True)
@click.pass_context
def identity(ctx: click.Context) -> None:
    """Print whom to encrypt to; or back it up, take it in, replace it."""
    if ctx.invoked_subcommand is None:
        click.echo(keystore().recipient)


@identity.command()
def export() -> None:
    """Print the backup of this node, secret half and keys included."""
    click.echo(keystore().export(), nl=False)


@identity.command(name="import")
@click.argument("file", type=readable)
def import_(file: str) -> None:
    """Take in what `export` printed, from FILE (`-`: standard input). Loses nothing that is here."""
    store = keystore()
    backup = store.restore(content(file, "").decode(errors="replace"))
    click.echo(f"this node is {store.recipient}, with {len(backup.keys)} keys from the backup", err=True)


@identity.command()
@click.option("--lost", is_flag=True, help="The old one is lost for good: give up what only it can open.")
def rotate(lost: bool) -> None:
    """Make a new identity. Values that were encrypted to the old one can still be read."""
    store = keystore()
    click.echo(store.rotate(lost=lost))
    click.echo(
        "next: back it up (`holdfast node identity export`), encrypt the repository's values anew "
        "(`holdfast secret reencrypt FILES`), then drop the old one (`holdfast node identity forget`)",
        err=True,
    )


@identity.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def forget(yes: bool) -> None:
    """Drop the earlier identities: what is still encrypted to them cannot be read again."""
    store = keystore()
    earlier = store.earlier()
    if earlier and not yes:
        click.echo("\n".join(earlier), err=True)
        click.confirm(f"Drop these {len(earlier)}?", abort=True, err=True)
    click.echo(f"{store.forget()} dropped", err=True)
