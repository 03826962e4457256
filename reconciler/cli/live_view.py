"""What `holdfast up` draws on a terminal: how the node does, its sources, what is not ready and why, events.

Rules: it fits the window, however small, and what is worst comes first; nothing that a message holds
reaches the terminal as a command to it; drawing never costs the node its work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from reconciler.cli.plain import plain

if TYPE_CHECKING:
    from reconciler.engine.entry import Entry
    from reconciler.runtime.node import Node
    from reconciler.views import EventView, SourceView

EVENTS = 8
SOURCES = 4
STYLES = {"Ready": "green", "Reconciling": "yellow", "Stalled": "bold red"}
WORST_FIRST = ("Stalled", "Reconciling", "Ready")
FOOT = "Ctrl-C stops the node, and the services go on; `holdfast down` stops them too"


class LiveView:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._events: deque[str] = deque(maxlen=EVENTS)

    def happened(self, event: EventView) -> None:
        subject = event["subject"]["id"] + "  " if event["subject"] else ""
        data = ", ".join(f"{key}={value}" for key, value in event["data"].items() if value not in ("", None))
        self._events.append(f"{event['timestamp'][11:19]}  {event['event']:<20} {subject}{data}")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = max(options.max_height - 1, 1)
        events = list(self._events)[-max(1, min(EVENTS, height // 4)) :]
        lines = [*self._head(), *self._sources(), Text("")]
        room = height - len(lines) - len(events) - 3
        lines += [*self._resources(max(room, 1)), Text("")]
        lines += [*(Text(plain(one), style="dim") for one in events), Text(self._foot, style="dim italic")]
        for line in lines[:height]:
            line.truncate(options.max_width, overflow="ellipsis")
            yield line

    @property
    def _foot(self) -> str:
        return "stopping…" if self._node.stopping.is_set() else FOOT

    def _head(self) -> Iterator[Text]:
        daemon = self._node.desk.daemon
        age = daemon.last_pass_age_s
        looked = f"last pass {age:.0f} s ago" if age is not None else "no pass yet"
        style = {"running": "bold green", "stopping": "bold"}.get(daemon.state, "bold red")
        up_for = _span(daemon.uptime_s)
        yield Text.assemble(
            (f"holdfast {daemon.version} ", "bold"), (daemon.state, style), f"  up for {up_for}, {looked}"
        )
        public = daemon.listeners.get("public")
        if public:
            yield Text.assemble("API     ", (f"http://{public}", "cyan"))
        yield Text(f"data    {self._node.settings.data}")
        problems = daemon.problems
        yield from (Text(plain(f"! {problem}"), style="yellow") for problem in problems)
        borne = (warning for warning in daemon.warnings if warning not in problems)
        yield from (Text(plain(f"warning: {warning}"), style="dim") for warning in borne)

    def _sources(self) -> Iterator[Text]:
        for source in self._node.desk.sources()[:SOURCES]:
            yield _source(source)

    def _resources(self, room: int) -> Iterator[Text]:
        standing: dict[str, list[Entry]] = {word: [] for word in WORST_FIRST}
        for entry in self._node.engine.book:
            standing[_stands(entry)].append(entry)
        every = [entry for word in WORST_FIRST for entry in sorted(standing[word], key=lambda one: one.ref)]
        counted = f"{len(standing['Ready'])} of {len(every)} ready"
        others = [f", {len(standing[word])} {word.lower()}" for word in WORST_FIRST[:2] if standing[word]]
        yield Text(counted + "".join(others), style="bold")
        shown = every if len(every) <= room else every[: room - 1]
        yield from _rows(shown)
        if len(shown) < len(every):
            yield Text(f"  and {len(every) - len(shown)} more: `holdfast get` lists all", style="dim")


def _rows(entries: Sequence[Entry]) -> Iterator[Text]:
    width = max((len(str(entry.ref)) for entry in entries), default=0)
    for entry in entries:
        word = _stands(entry)
        ready = entry.status.condition("Ready") if entry.status is not None else None
        reason = ready.reason if ready is not None else "Pending"
        message = f": {ready.message}" if ready is not None and ready.message and not ready.status else ""
        yield Text.assemble(
            ("  " + str(entry.ref).ljust(width)),
            "  ",
            (word.ljust(13), STYLES[word]),
            plain(reason + message),
        )


def _source(source: SourceView) -> Text:
    trouble = source["error"] or source["held"]
    told = f"source  {source['name']} at {source['revision'][:12] or '-'} of {source['location']}"
    return Text.assemble(plain(told), (plain(f"  {trouble}"), "bold red") if trouble else "")


def _stands(entry: Entry) -> str:
    if entry.status is not None and entry.status.stalled:
        return "Stalled"
    return "Ready" if entry.status is not None and entry.status.ready else "Reconciling"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
