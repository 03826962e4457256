"""What is for another program, printed as it is; as JSON for who asks for it."""

from __future__ import annotations

import sys
from base64 import b64encode

import click

from reconciler.cli.as_json import print_json
from reconciler.cli.everywhere import output_as

text_or_json = output_as("text", "json", json="TextResult")
value_or_json = output_as("text", "json", json="ValueResult")


def print_text(text: str, output: str) -> None:
    if output == "json":
        print_json({"text": text})
    else:
        click.echo(text, nl=False)


def print_value(value: bytes, output: str) -> None:
    """On a terminal what comes next begins a line of its own."""
    if output != "json":
        click.echo(value, nl=sys.stdout.isatty())
        return
    try:
        print_json({"value": value.decode("utf-8"), "encoding": "utf-8"})
    except UnicodeDecodeError:
        print_json({"value": b64encode(value).decode("ascii"), "encoding": "base64"})
