"""A result as one JSON document on standard output: the same each time, and safe for every terminal."""

from __future__ import annotations

import click


def print_json(document: object) -> None:
    import json  # which those who print text do without

    click.echo(json.dumps(document, indent=2, sort_keys=True))
