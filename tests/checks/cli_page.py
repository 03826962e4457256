"""The generated reference page of the command line, from the commands themselves.

Rules: each command and each option has a text of its own; one without stops the generation, by its name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from reconciler.cli import exits
from reconciler.cli.top import holdfast
from tests.checks.cli_shapes import linked, shape_lines
from tests.checks.tables import NOTE, table

STATUS = re.compile(r"^(\d+) +(.+)$", re.MULTILINE)


class Wordless(Exception):
    """A command or an option that nothing explains."""


def page() -> str:
    top = click.Context(holdfast, info_name="holdfast")
    lines = [
        NOTE,
        "# The command line\n",
        "`holdfast VERB` and `holdfast NOUN VERB`; `--help` after any of them says the same as this page.",
        "How a script tells the ends apart:",
        "[exit statuses in scripts](../how-to/exit-status-in-scripts.md).\n",
        "## Options of every verb\n",
        "They stand before the verb or after it; after counts more, both more than the environment.",
        *_options(top),
        "\n## Telemetry\n",
        "None, unless the variable `HOLDFAST_TELEMETRY_ENDPOINT` holds an http(s) address. Then each command",
        "sends one count there when it ends, as a POST of JSON: its verb, its exit status, whether that is a",
        "`success` or a `failure`, and the version. No name, path or manifest goes along, and no command",
        "waits for it or fails by it.",
        "\n## Exit statuses\n",
        *table(("status", "meaning"), STATUS.findall(exits.__doc__ or "")),
    ]
    for name in holdfast.list_commands(top):
        command = holdfast.get_command(top, name)
        assert command is not None
        lines += command_lines(click.Context(command, top, name))
    lines += shape_lines()
    return "\n".join([*lines, ""])


def command_lines(context: click.Context, depth: int = 2) -> Iterator[str]:
    command = context.command
    yield f"\n{'#' * depth} {context.command_path}\n"
    yield _text(command.help, context.command_path) + "\n"
    yield f"```\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```"
    yield from _options(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from command_lines(click.Context(inner, context, name), depth + 1)


def _options(context: click.Context) -> Iterator[str]:
    shown = [
        one
        for one in context.command.get_params(context)
        if isinstance(one, click.Option) and not one.hidden and "--help" not in one.opts
    ]
    if shown:
        yield ""
        yield from table(
            ("option", "what it does"), [(_names(one, context), _told(one, context)) for one in shown]
        )


def _names(option: click.Option, context: click.Context) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    return f"`{', '.join(option.opts)}{value}`"


def _told(option: click.Option, context: click.Context) -> str:
    default = option.default if option.show_default else ""
    text = _text(option.help, f"{context.command_path} {option.opts[-1]}")
    again = " May be given several times." if option.multiple else ""
    return linked(text) + again + (f" (`{default}` if not said)" if default else "")


def _text(text: str | None, of: str) -> str:
    if not text:
        raise Wordless(f"{of} says nothing about itself: give it a help text")
    return inspect.cleandoc(text)
