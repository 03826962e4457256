"""What a node in the foreground tells: a view that is drawn anew on a terminal, elsewhere a line an event.

Rules: telling ends when nobody reads any more, and the node goes on.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from reconciler.cli.event_lines import line
from reconciler.ports.store import EventFilter
from reconciler.runtime.present import of_event

if TYPE_CHECKING:
    from reconciler.cli.live_view import LiveView
    from reconciler.runtime.node import Node

OFTEN_S = 0.2  # between two drawings at least
SELDOM_S = 2.0  # and at most: ages grow also when nothing happens


def say(text: str) -> None:
    """A line for who watches, beside what is told of the node; a live view puts it above itself."""
    with suppress(OSError):  # nobody watches any more
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


async def tell(node: Node) -> None:
    say(f"holdfast is up, its data in {node.settings.data}")
    _, newest = await node.desk.event_ids()
    try:
        async for event in node.desk.follow(newest, EventFilter()):
            sys.stdout.write(f"{line(of_event(event))}\n")
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def draw(node: Node) -> None:
    from rich.console import Console
    from rich.live import Live

    from reconciler.cli.live_view import LiveView

    view, changed = LiveView(node), asyncio.Event()
    listening = asyncio.create_task(_listen(node, view, changed))
    try:
        with Live(view, console=Console(), auto_refresh=False, vertical_overflow="crop") as live:
            try:
                while True:
                    live.refresh()
                    await asyncio.sleep(OFTEN_S)
                    await moved(changed)
            finally:
                live.refresh()
    except OSError:  # the terminal is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        listening.cancel()


async def _listen(node: Node, view: LiveView, changed: asyncio.Event) -> None:
    _, newest = await node.desk.event_ids()
    async for event in node.desk.follow(newest, EventFilter()):
        view.happened(of_event(event))
        changed.set()


async def moved(changed: asyncio.Event) -> None:
    # Not `wait_for`: Python 3.11's swallows a cancellation that comes together with the event, as at a stop.
    with suppress(TimeoutError):
        async with asyncio.timeout(SELDOM_S):
            await changed.wait()
    changed.clear()
