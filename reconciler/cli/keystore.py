"""What the commands on keys and secrets share: the keystore of this machine's node, and reading a value.

Rules: they need no running node, and may work beside one; a secret is never taken from the command
line, where every user of the machine and the shell's history can read it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.everywhere import given

if TYPE_CHECKING:
    from reconciler.drivers.keystore import Keystore

readable = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)


def namespace() -> str:
    """The one that is named with `-n`."""
    return str(given("namespace", "default"))


def keystore() -> Keystore:
    from reconciler.drivers.keystore import Keystore
    from reconciler.settings import data_folder

    return Keystore(data_folder(given("data")) / "keystore")


def content(file: str | None, prompt: str) -> bytes:
    """What is to be read: a file as it is; typed or piped in, without the newline that ends it."""
    if file not in {None, "-"}:
        return Path(str(file)).read_bytes()
    if file is None and sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, err=True)).encode()
    return sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
