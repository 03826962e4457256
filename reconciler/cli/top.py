"""The top of the command: finds the verb, runs it, and turns every end into an exit status.

Rules: one file a verb or noun, imported when it is asked for; a problem prints its message and its
remedy on stderr; a crash writes a report to attach and exits with 70, never with 1, which means
differences.
"""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

import click

from reconciler.cli import exits
from reconciler.cli.everywhere import Verbs
from reconciler.cli.machine_errors import problem_of
from reconciler.cli.plain import plain
from reconciler.errors import Invalid, Problem

VERBS = {
    "init": "Write a first manifest and say what to do next.",
    "up": "Run the node in the foreground, on a folder or a repository.",
    "operator": "Run the node as a Kubernetes operator: its manifests are custom resources.",
    "down": "Stop the services and the node.",
    "validate": "Check manifests without a node.",
    "diff": "Show what apply would change.",
    "apply": "Make manifests the wish, and follow until they are so.",
    "get": "List resources.",
    "describe": "Show all that is known of a resource.",
    "explain": "Why is it not ready? Or: what does this field mean?",
    "status": "The node at a glance.",
    "wait": "Wait until resources are ready, or gone.",
    "events": "Read the log of events, or follow it.",
    "logs": "Read a service's output, or follow it.",
    "delete": "Take wishes back.",
    "suspend": "Observe, but act on nothing, for a while.",
    "resume": "Act again.",
    "reconcile": "Look now.",
    "rollback": "Take a source back to an earlier revision, and hold it there.",
    "graph": "Who needs whom.",
    "api-key": "API keys: who may ask the node over HTTP, and for what.",
    "key": "Keys: the pairs that the node holds, and those that it trusts.",
    "secret": "Encrypt values for a Secret.",
    "source": "Sources: where wishes come from.",
    "service": "Services: stop one for a while, and start it again.",
    "audit": "The audit trail, and whether anybody was at it.",
    "doctor": "Check this machine and its node: what is wrong, and how to mend it.",
    "node": "The node itself: its identity, its unit for systemd.",
    "completion": "Print the completion script for a shell.",
    "version": "Print the version.",
}

ASKS_FOR_JSON = re.compile(r"(^| )(-o ?|--output[= ])json( |$)")
SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
if os.environ.get("NO_COLOR"):
    SETTINGS["color"] = False
LASTING = frozenset({"up", "operator"})  # the verbs that are not over in a second


class Lazy(Verbs):
    """Knows its verbs by name and help; imports one when it is run."""

    all_shown = True

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        place = name.replace("-", "_")
        command = getattr(importlib.import_module(f"reconciler.cli.{place}"), place)
        assert isinstance(command, click.Command)  # noqa: S101 - each verb's file is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and (near := _near(args[0])):
            ctx.fail(f"No such command '{plain(args[0])}'. Did you mean '{near}'?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the verb gives
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would end with 1, which means differences
            return exits.OK  # who reads us has read enough

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def _near(name: str) -> str | None:
    from reconciler.spelling import nearest

    return nearest(name, VERBS)


@click.group(cls=Lazy, context_settings=SETTINGS)
def holdfast() -> None:
    """Keeps a machine as its manifests say it should be."""


def run(arguments: Sequence[str]) -> int:
    _replace_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a locale without a character shows another, and goes on
    try:
        status = _run(arguments) if LASTING & set(arguments) else _run_briefly(arguments)
        if "HOLDFAST_TELEMETRY_ENDPOINT" in os.environ:
            from reconciler.cli.telemetry import count

            count(_verb(arguments), status)
        return status
    finally:
        _end_output()


def _replace_what_is_closed() -> None:
    """By who started us: there is nothing to read, and nobody to ask or to tell.

    Not by nothing: the next file that is opened, the store perhaps, would be taken for it, and by whatever we
    start as well.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is its own
            os.set_inheritable(nowhere, True)
            setattr(sys, name, open(nowhere, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end


def _verb(arguments: Sequence[str]) -> str:
    """The verb alone: other words may be a name, or a key."""
    return next((word for word in arguments if word in VERBS), "")


def _run_briefly(arguments: Sequence[str]) -> int:
    gc.disable()  # a command is over in a second: to look for garbage takes an eighth of it
    _leave_out_plugins_of_pydantic()
    try:
        return _run(arguments)
    finally:
        gc.freeze()  # Python would look for it at the end all the same


def _leave_out_plugins_of_pydantic() -> None:
    """A command has no time to look for some everywhere, nor to import what could."""
    nowhere = ModuleType("pydantic.plugin._loader")
    vars(nowhere)["get_plugins"] = tuple
    sys.modules[nowhere.__name__] = nowhere


def _end_output() -> None:
    """Where nothing can be written any more, Python is not to find that out anew when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: Sequence[str]) -> int:
    try:
        answer: Any = holdfast.main(list(arguments), prog_name="holdfast", standalone_mode=False)
        sys.stdout.flush()  # what cannot be written is to be known now, not after the exit status
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return _misused(error, arguments)
    except click.Abort:
        return 130
    except Problem as problem:
        _show(problem, arguments)
        return exits.status_of(problem)
    except BrokenPipeError:
        return exits.OK
    except OSError as error:
        return _refused_by_the_machine(error, arguments)
    except UnicodeEncodeError as error:
        return _no_text(error, arguments)
    except Exception as crash:  # noqa: BLE001 - the last stop: whatever it is becomes a report
        return _crashed(crash, arguments)
    return answer if isinstance(answer, int) else exits.OK


def _show(problem: Problem, arguments: Sequence[str]) -> None:
    from reconciler.cli.problems import told

    for line in told(problem, as_json=_asks_for_json(arguments)):
        _tell(line)


def _tell(text: str) -> None:
    """Where standard error cannot be written either, the exit status still tells how it ended."""
    with suppress(OSError):
        click.echo(text, err=True)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    return ASKS_FOR_JSON.search(" ".join(arguments)) is not None


def _misused(error: click.ClickException, arguments: Sequence[str]) -> int:
    """The command line itself is wrong."""
    if _asks_for_json(arguments):
        _show(Invalid(error.format_message()), arguments)
    else:
        with suppress(OSError):
            error.show()
    return exits.INVALID


def _refused_by_the_machine(error: OSError, arguments: Sequence[str]) -> int:
    if error.errno == errno.EIO and not sys.stderr.isatty():
        return exits.FAILED  # the terminal is gone: there is nobody to tell
    if error.filename is None and _while_printing(error):
        error.filename = "standard output"
    found = problem_of(error)
    if found is None:
        return _crashed(error, arguments)
    _show(found, arguments)
    return exits.status_of(found)


def _while_printing(error: OSError) -> bool:
    """Who only prints has no file to name."""
    from traceback import walk_tb

    return any(frame.f_code is click.echo.__code__ for frame, _ in walk_tb(error.__traceback__))


def _no_text(error: UnicodeEncodeError, arguments: Sequence[str]) -> int:
    """Bytes that are no UTF-8 come as halves of characters, which nothing can be asked with."""
    wrong = [word for word in arguments if not _is_text(word)]
    if not wrong:
        return _crashed(error, arguments)
    _show(Invalid(f"{wrong[0]!r} is no UTF-8", remedy="write it in UTF-8, whatever the locale"), arguments)
    return exits.INVALID


def _is_text(word: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in word)


def _crashed(crash: Exception, arguments: Sequence[str]) -> int:
    from reconciler.cli.crash_report import report

    text, place = report(crash, _verb(arguments))
    _tell(
        f"{'' if place else text}error: holdfast itself has crashed ({type(crash).__name__})\n"
        f"  remedy: nothing of yours was lost; please attach {place or 'the above'} to a bug report"
    )
    return exits.CRASH
