"""What the commands on keys and secrets share: the keystore of this machine's node, and reading a value.

Rules: they need no running node, and may work beside one; a secret is never taken from the command
line, where every user of the machine and the shell's history can read it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from reconciler.drivers.keystore import Keystore

in_data: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--data", metavar="DIR", help="The node's folder.  [default: HOLDFAST_DATA, or the XDG state folder]"
)
readable = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)
namespaced: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "-n", "--namespace", default="default", show_default=True
)


def keystore(data: str | None) -> Keystore:
    from reconciler.drivers.keystore import Keystore
    from reconciler.settings import data_folder

    return Keystore(data_folder(data) / "keystore")


def content(file: str | None, prompt: str) -> bytes:
    """What is to be read: a file as it is; typed or piped in, without the newline that ends it."""
    if file not in {None, "-"}:
        return Path(str(file)).read_bytes()
    if file is None and sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, err=True)).encode()
    return sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
