"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler.cli.everywhere import PLACE

F = TypeVar("F", bound=Callable[..., Any])


def from_files(command: F) -> F:
    """`-f` and what goes with it."""
    for option in (
        click.option(
            "--allow-prune", is_flag=True, help="Let this take away more than half of what is there."
        ),
        click.option(
            "--prune", is_flag=True, help="Take away what the same set applied before and now lacks."
        ),
        click.option(
            "--set", default="default", show_default=True, help="The name of what is applied together."
        ),
        click.option(
            "-f",
            "--file",
            "files",
            type=PLACE,
            multiple=True,
            required=True,
            help="A file, a folder, or `-`.",
        ),
    ):
        command = option(command)
    return command
