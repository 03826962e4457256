"""`holdfast completion`: the script that teaches a shell to complete."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconciler.cli.everywhere import Verb
from reconciler.cli.printed import print_text, text_or_json


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@text_or_json
def completion(shell: str, output: str) -> None:
    """Print the completion script for a shell: `source <(holdfast completion bash)`."""
    from reconciler.cli.top import holdfast

    kind = get_completion_class(shell)
    if kind is not None:
        script = kind(holdfast, {}, "holdfast", "_HOLDFAST_COMPLETE").source()
        print_text(f"{script}\n", output)
