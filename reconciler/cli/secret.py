"""`holdfast secret`: values for the `encrypted` of a Secret.

Rules: to encrypt takes a public key only, so it works on any machine; what is decrypted goes to
standard output, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click

from reconciler.cli.everywhere import Verbs
from reconciler.cli.keystore import content, keystore, namespace, readable

BLOCK = re.compile(
    r"^(?P<indent>[ \t]*)-----BEGIN AGE ENCRYPTED FILE-----$.*?^(?P=indent)-----END AGE ENCRYPTED FILE-----$",
    re.MULTILINE | re.DOTALL,
)
BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----"

to_recipients = click.option(
    "-r",
    "--recipient",
    "recipients",
    multiple=True,
    help="Who can decrypt it (age1…, ssh-ed25519 …); again for more.  [default: this machine's node]",
)


@click.group(cls=Verbs)
def secret() -> None:
    """Encrypt values for a Secret."""


@secret.command()
@click.argument("file", required=False, type=readable)
@to_recipients
@click.option("--name", help="Print a whole manifest of a Secret of this name.")
@click.option("--key", default="value", show_default=True, help="The value's key in that manifest.")
def encrypt(file: str | None, recipients: tuple[str, ...], name: str | None, key: str) -> None:
    """Encrypt what FILE holds, or what is typed or piped in.

    The newline that ends what is typed or piped in is left out; a FILE is taken as it is.
    """
    from reconciler.drivers.keystore.values import encrypted

    value = content(file, "Value")
    text = encrypted(value, recipients or (keystore().recipient,))
    click.echo(text if name is None else manifest(name, key, text), nl=False)


@secret.command()
@click.argument("file", required=False, type=readable)
def decrypt(file: str | None) -> None:
    """Print the value of one ciphertext, from FILE or standard input."""
    text = content(file or "-", "").decode(errors="replace")
    value = keystore().decrypt("\n".join(line.strip() for line in text.splitlines()))
    click.echo(value, nl=False)


@secret.command()
@click.argument("name")
@click.argument("key")
def show(name: str, key: str) -> None:
    """Print a value that the node has stored."""
    from reconciler.model import Ref

    click.echo(keystore().secrets.resolve(Ref("Secret", namespace(), name), key), nl=False)


@secret.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@to_recipients
def reencrypt(files: tuple[Path, ...], recipients: tuple[str, ...]) -> None:
    """Encrypt all values in manifests anew, after the node's identity was rotated."""
    from reconciler.drivers.keystore.values import encrypted

    store = keystore()
    to = recipients or (store.recipient,)
    for file in files:
        text, count = anew(file.read_text(), lambda old: encrypted(store.decrypt(old), to), str(file))
        if count:
            file.write_text(text)
        click.echo(f"{file}: {count} values", err=True)


def anew(text: str, encrypt: Callable[[str], str], where: str) -> tuple[str, int]:
    """The manifest with every ciphertext replaced, and how many there were."""
    from reconciler.errors import Invalid

    def replaced(found: re.Match[str]) -> str:
        indent = found["indent"]
        lines = encrypt("\n".join(line.strip() for line in found[0].splitlines())).splitlines()
        return "\n".join(indent + line for line in lines)

    new, count = BLOCK.subn(replaced, text)
    if count != text.count(BEGIN):
        raise Invalid(
            f"{where}: a ciphertext does not stand on lines of its own",
            remedy="write it as a block: `password: |`, and each line below it indented",
        )
    return new, count


def manifest(name: str, key: str, text: str) -> str:
    from reconciler.model import API_VERSION

    value = "".join(f"      {line}\n" for line in text.splitlines())
    return (
        f"apiVersion: {API_VERSION}\nkind: Secret\nmetadata: {{name: {name}}}\n"
        f"spec:\n  encrypted:\n    {key}: |\n{value}"
    )
