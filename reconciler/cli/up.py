"""`holdfast up`: the node in the foreground.

Rules: SIGINT and SIGTERM end it in order, with exit status 0; what it supervises goes on, and it says so.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import click

from reconciler.cli import exits
from reconciler.errors import Invalid


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
            await node.run()

    asyncio.run(live())
    click.echo("stopped; the services go on: `holdfast down` stops them too", err=True)
    return exits.OK


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
