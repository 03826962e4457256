"""`holdfast up`: the node in the foreground.

Rules: SIGINT and SIGTERM end it in order, with exit status 0; what it supervises goes on, and it says so.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import exits
from reconciler.cli.event_lines import line
from reconciler.errors import Invalid

if TYPE_CHECKING:
    from reconciler.runtime.node import Node


@click.command()
@click.argument("place", required=False, metavar="[PATH|GIT-URL]")
@click.option("--data", metavar="DIR", help="Where the node keeps all its state.")
@click.option("--listen", metavar="HOST:PORT", help="Where the HTTP API listens.")
def up(place: str | None, data: str | None, listen: str | None) -> int:
    """Run the node in the foreground, on a folder or a git repository.

    Without a place it goes on with the one that it was started with last.
    """
    from reconciler.runtime.node import open_node
    from reconciler.settings import load

    settings = load(data, {"api.listen": listen} if listen else None)

    async def live() -> None:
        async with open_node(settings, _root(place) if place else None, living=True) as node:
            loop = asyncio.get_running_loop()
            for one in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(one, node.stopping.set)
            click.echo(f"holdfast is up, its data in {settings.data}", err=True)
            if settings.api.enabled:
                click.echo(f"the API listens on http://{settings.api.listen}", err=True)
            telling = asyncio.create_task(_tell(node))
            await node.run()
            telling.cancel()

    asyncio.run(live())
    click.echo("stopped; the services go on: `holdfast down` stops them too", err=True)
    return exits.OK


async def _tell(node: Node) -> None:
    """What happens, as it happens, and on a terminal how everything stands after it."""
    from reconciler.ports import EventFilter

    _, newest = await node.desk.event_ids()
    async for event in node.desk.follow(newest, EventFilter()):
        drawn = sys.stderr.isatty()
        click.echo(("\r\x1b[2K" if drawn else "") + line(event), err=True)
        if drawn:
            now = node.desk.node()
            stands = f"{now['ready']} of {now['resources']} ready, {now['stalled']} stalled"
            click.echo(click.style(stands, bold=True), nl=False, err=True)


def _root(place: str) -> dict[str, Any]:
    """The spec of the root source."""
    path = Path(place).expanduser()
    if (path / ".git").exists() or (path / "HEAD").is_file():
        return {"git": {"url": str(path.absolute())}}
    if path.exists():
        return {"directory": {"path": str(path.absolute())}}
    if "://" in place or "@" in place:
        return {"git": {"url": place}}
    raise Invalid(f"{place} does not exist", remedy="name a folder, a file, or a git repository's URL")
