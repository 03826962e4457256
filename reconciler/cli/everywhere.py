"""The options that every verb takes, before it and after it: which node is meant, and how it is asked.

Rules: what stands after the verb counts more than what stands before it, both more than the environment; a
verb may declare an option of the same name for itself, and is then given what stood before it. A key is never
repeated, in no message and no log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
NARROW = 52  # columns: click would write as if there were as many
NARROWEST = 20
KEPT = "holdfast.everywhere"


def given(name: str, default: Any = None) -> Any:  # noqa: ANN401 - as the option has it
    """What was given for one of the options, before the verb or after it."""
    context = click.get_current_context(silent=True)
    return default if context is None else context.meta.get(KEPT, {}).get(name, default)


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:  # noqa: ANN401
    if value not in (None, False):
        context.meta.setdefault(KEPT, {})[option.name] = value


PLACE = click.Path(readable=False, allow_dash=True)  # shells offer files; who opens it says what is wrong


def _option(*names: str, shown: bool, help: str, **more: Any) -> click.Option:  # noqa: ANN401
    return click.Option(
        names, help=help, expose_value=False, is_eager=True, callback=_keep, hidden=not shown, **more
    )


def _options(*, shown: bool) -> Iterator[click.Option]:
    """At the top all are shown; below, a line names them."""
    yield _option(
        "--data",
        type=PLACE,
        metavar="DIR",
        shown=shown,
        help="The node's folder.  [env: HOLDFAST_DATA; else XDG's]",
    )
    yield _option(
        "--socket",
        type=PLACE,
        metavar="PATH",
        shown=shown,
        help="The node's Unix socket.  [env: HOLDFAST_SOCKET]",
    )
    yield _option(
        "--api-url", metavar="URL", shown=shown, help="The node's HTTP address.  [env: HOLDFAST_API_URL]"
    )
    yield _option(
        "--api-key",
        metavar="KEY",
        shown=shown,
        help="Who you are to it: a key or a token; better in the variable, which no list of processes shows."
        "  [env: HOLDFAST_API_KEY]",
    )
    yield _option(
        "--ca-file",
        type=PLACE,
        metavar="FILE",
        shown=shown,
        help="Whom to believe who it is, over `https`: certificates in PEM.  [env: HOLDFAST_CA_FILE]",
    )
    yield _option("--timeout", metavar="DURATION", shown=shown, help="How long to wait, as in `30s`.")
    yield _option(
        "--trace-id",
        metavar="ID",
        shown=shown,
        help="32 hex digits, or a `traceparent`: stands beside what comes of it."
        "  [env: HOLDFAST_TRACE_ID; else TRACEPARENT]",
    )
    yield _option("-n", "--namespace", metavar="NAME", shown=shown, help="The namespace of what is named.")
    yield _option("-v", "--verbose", is_flag=True, shown=shown, help="Tell on stderr what is asked of whom.")


class _Forms(click.Choice[str]):
    """What is no table is told for people in another form, which `table` stands for everywhere."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        first = str(self.choices[0])
        return super().convert(first if value == "table" else value, param, ctx)


def output_as(*forms: str, json: str) -> Callable[[F], F]:
    """`-o` of a verb that has several forms; the first is for people. `json` names the shape of that one."""
    told = f"The form of what is printed. As json: {json}."
    return click.option("-o", "--output", type=_Forms(forms), default=forms[0], show_default=True, help=told)


def given_form(*forms: str) -> str:
    """`-o` of what prints something and has verbs too, which are given what stood before them."""
    chosen = given("output", forms[0])
    return _Forms(forms).convert(chosen, None, click.get_current_context())


class _Everywhere(click.Command):
    """Also takes the options of every verb."""

    all_shown = False

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        names = {name for one in own for name in one.opts}
        return [*own, *(one for one in _options(shown=self.all_shown) if names.isdisjoint(one.opts))]

    def get_help(self, ctx: click.Context) -> str:
        from shutil import get_terminal_size

        if (columns := get_terminal_size().columns) < NARROW:
            ctx.terminal_width = max(columns - 1, NARROWEST)
        return super().get_help(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not self.all_shown:
            formatter.write_paragraph()
            formatter.write_text("Options of every verb, such as --data and -n: `holdfast --help`.")
        super().format_epilog(ctx, formatter)


class Verb(_Everywhere):
    """A verb; options of its own that also stand before it are given to it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before = ctx.meta.get(KEPT, {})
        own = {name: one for one in self.params if isinstance(one, click.Option) for name in one.opts}
        if "output" in before and "--output" not in own:
            raise click.UsageError(f"`{ctx.command_path}` has no -o: it has one form only", ctx)
        for name, value in before.items():
            if option := own.get(f"--{name.replace('_', '-')}"):
                option.default = (value,) if option.multiple else value
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            refs = any("KIND/NAME" in (one.metavar or "") for one in self.params)
            if refs and "extra argument" in error.message:
                told = f"{error.message}: a kind and a name are one word, as in service/web"
                raise click.UsageError(told, ctx) from error
            raise


class Verbs(_Everywhere, click.Group):
    """A noun, with its verbs."""

    command_class = Verb

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        told = "The form of what is printed, such as json: each verb's help has its own."
        output = _option("-o", "--output", metavar="FORM", shown=self.all_shown, help=told)
        return [*super().get_params(ctx), output]
