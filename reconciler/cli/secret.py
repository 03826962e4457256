"""`holdfast secret`: values for the `encrypted` of a Secret.

Rules: to encrypt takes a public key only, so it works on any machine; what is decrypted goes to
standard output, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.everywhere import Verbs, output_as
from reconciler.cli.keystore import content, keystore, namespace, readable
from reconciler.cli.printed import print_text, print_value, text_or_json, value_or_json
from reconciler.writing import writing

if TYPE_CHECKING:
    from reconciler.cli.results import ReencryptedResult

BLOCK = re.compile(
    r"^(?P<indent>[ \t]*)-----BEGIN AGE ENCRYPTED FILE-----\r?$.*?"
    r"^(?P=indent)-----END AGE ENCRYPTED FILE-----(?=\r?$)",
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
@text_or_json
def encrypt(file: str | None, recipients: tuple[str, ...], name: str | None, key: str, output: str) -> None:
    """Encrypt what FILE holds, or what is typed or piped in.

    The newline that ends what is typed or piped in is left out; a FILE is taken as it is.
    """
    from reconciler.drivers.keystore.values import encrypted

    value = content(file, "Value")
    text = encrypted(value, recipients or (keystore().recipient,))
    print_text(text if name is None else manifest(name, key, text), output)


@secret.command()
@click.argument("file", required=False, type=readable)
@value_or_json
def decrypt(file: str | None, output: str) -> None:
    """Print the value of one ciphertext, from FILE or standard input."""
    text = content(file or "-", "").decode(errors="replace")
    print_value(keystore().decrypt("\n".join(line.strip() for line in text.splitlines())), output)


@secret.command()
@click.argument("name")
@click.argument("key")
@value_or_json
def show(name: str, key: str, output: str) -> None:
    """Print a value that the node has stored."""
    from reconciler.model import Ref

    value = keystore().secrets.resolve(Ref("Secret", namespace(), name), key)
    print_value(value.encode(), output)


@secret.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@to_recipients
@output_as("text", "json", json="a list of ReencryptedResult")
def reencrypt(files: tuple[Path, ...], recipients: tuple[str, ...], output: str) -> None:
    """Encrypt all values in manifests anew, after the node's identity was rotated."""
    from reconciler.drivers.keystore.values import encrypted

    store = keystore()
    to = recipients or (store.recipient,)
    done: list[ReencryptedResult] = []
    for file in files:
        text, count = anew(_read(file), lambda old: encrypted(store.decrypt(old), to), str(file))
        if count:
            _write(file, text)
        done.append({"file": str(file), "values": count})
        if output != "json":
            click.echo(f"{file}: {count} value{'' if count == 1 else 's'}", err=True)
    if output == "json":
        print_json(done)


def _read(file: Path) -> str:
    """With the ends of its lines as they are."""
    from reconciler.errors import Invalid

    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is no UTF-8 (byte {error.start})", remedy="manifests are UTF-8") from error


def _write(file: Path, text: str) -> None:
    """As a whole or not at all: a full disk must not cost the values that are in it."""
    from tempfile import NamedTemporaryFile

    target = file.resolve()
    with (
        writing(target),
        NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as new,
    ):
        try:
            new.write(text.encode("utf-8"))
            new.flush()
            Path(new.name).chmod(target.stat().st_mode & 0o777)
            Path(new.name).replace(target)
        except BaseException:
            Path(new.name).unlink()
            raise


def anew(text: str, encrypt: Callable[[str], str], where: str) -> tuple[str, int]:
    """The manifest with every ciphertext replaced, and how many there were."""
    from reconciler.errors import Invalid

    def replaced(found: re.Match[str]) -> str:
        indent = found["indent"]
        lines = encrypt("\n".join(line.strip() for line in found[0].splitlines())).splitlines()
        end = "\r\n" if "\r\n" in found[0] else "\n"
        return end.join(indent + line for line in lines)

    new, count = BLOCK.subn(replaced, text)
    if count != text.count(BEGIN):
        raise Invalid(
            f"{where}: a ciphertext does not stand on lines of its own",
            remedy="write it as a block: `password: |`, and each line below it indented",
        )
    return new, count


def manifest(name: str, key: str, text: str) -> str:
    """Refused where the name or the key could not stand in one."""
    from reconciler.model import API_VERSION
    from reconciler.runtime.bundle import Bundle, checked
    from reconciler.runtime.plugins import find_kinds

    value = "".join(f"      {line}\n" for line in text.splitlines())
    made = (
        f"apiVersion: {API_VERSION}\nkind: Secret\nmetadata: {{name: {name}}}\n"
        f"spec:\n  encrypted:\n    {key}: |\n{value}"
    )
    checked(Bundle({"the manifest": made}), find_kinds())
    return made
