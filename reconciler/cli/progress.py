"""What is under way, for who waits: a block that is redrawn in place on a terminal, elsewhere lines.

Rules: it goes to stderr; the block fits the window, however small and whatever becomes of its size, and
leaves nothing behind; elsewhere each change of state is a line, and what is ready at first sight is none.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconciler.cli.plain import plain

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

    from reconciler.views import StatusView

Show = Callable[[Sequence["StatusView"]], None]


@contextmanager
def progress() -> Iterator[Show]:
    if not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield Lines()
        return
    from rich.console import Console
    from rich.live import Live

    block = Block()
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        console.show_cursor()  # who is killed here would leave a terminal without one

        def show(statuses: Sequence[StatusView]) -> None:
            block.take(statuses)
            live.update(block, refresh=True)  # not before: there is nothing to draw yet

        yield show


class Lines:
    def __init__(self) -> None:
        self._told: dict[str, tuple[bool, str]] = {}

    def __call__(self, statuses: Sequence[StatusView]) -> None:
        for one in statuses:
            if one["reason"] == "Pending":  # nobody has looked at it yet
                continue
            state = (one["ready"], one["reason"])
            before = self._told.get(one["ref"])
            self._told[one["ref"]] = state
            if state != before and not (before is None and one["ready"]):
                click.echo(plain(f"{one['ref']}: {_told(one)}"), err=True)


class Block:
    def __init__(self) -> None:
        self._began = time.monotonic()
        self._since: dict[str, tuple[str, float]] = {}  # what each is about, and since when
        self._statuses: Sequence[StatusView] = ()

    def take(self, statuses: Sequence[StatusView]) -> None:
        now = time.monotonic()
        self._statuses = statuses
        before, self._since = self._since, {}
        for one in statuses:
            reason, since = before.get(one["ref"], ("", self._began))
            self._since[one["ref"]] = one["reason"], since if reason in ("", one["reason"]) else now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        behind = sorted((one for one in self._statuses if not one["ready"]), key=_urgency)
        room = max(options.max_height - 2, 0)  # the counter, and the line below that the cursor stands in
        shown = behind if len(behind) <= room else behind[: max(room - 1, 0)]
        lines = [Text(self._counted(behind), style="bold"), *self._rows(shown, options.max_width)]
        if len(shown) < len(behind) and room:
            lines.append(Text(f"  and {len(behind) - len(shown)} more", style="dim"))
        for line in lines:
            line.truncate(options.max_width, overflow="ellipsis")
            yield line

    def _counted(self, behind: Sequence[StatusView]) -> str:
        stalled = sum(is_stalled(one) for one in behind)
        more = f", {stalled} stalled" if stalled else ""
        passed = _span(time.monotonic() - self._began)
        return f"{len(self._statuses) - len(behind)} of {len(self._statuses)} ready{more}  {passed}"

    def _rows(self, shown: Sequence[StatusView], columns: int) -> Iterator[Text]:
        from rich.text import Text

        width = min(max((len(one["ref"]) for one in shown), default=0), columns // 2)
        now = time.monotonic()
        for one in shown:
            ref = Text(f"  {one['ref']}")
            ref.truncate(width + 2, overflow="ellipsis", pad=True)
            passed = _span(now - self._since[one["ref"]][1])
            style = "bold red" if is_stalled(one) else "yellow"
            yield Text.assemble(ref, f"  {passed:>6}  ", (plain(_told(one)), style))


def is_stalled(status: StatusView) -> bool:
    return any(one["type"] == "Stalled" for one in status["conditions"])


def _told(status: StatusView) -> str:
    """What it does, or waits for."""
    message = f": {status['message']}" if status["message"] and not status["ready"] else ""
    return f"{status['reason']}{message}"


def _urgency(status: StatusView) -> tuple[bool, bool]:
    """First what has failed, then what is worked on, then what only waits for another one."""
    return not is_stalled(status), bool(status["waits_for"])


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
