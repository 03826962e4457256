"""`holdfast completion`: the script that teaches a shell to complete."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconciler.cli.everywhere import Verb


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell: `source <(holdfast completion bash)`."""
    from reconciler.cli.top import holdfast

    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(holdfast, {}, "holdfast", "_HOLDFAST_COMPLETE").source())
