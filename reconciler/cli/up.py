"""`holdfast up`: the node in the foreground.

Rules: SIGINT and SIGTERM end it in order, with exit status 0, and a second one ends it at once; what it
supervises goes on, and it says so, unless it was told to stop that too. SIGHUP reads the settings anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli import exits
from reconciler.cli.address import HOST_PORT
from reconciler.cli.everywhere import PLACE, Verb, given
from reconciler.errors import Invalid, Refused
from reconciler.sources.overlay import MANIFESTS

if TYPE_CHECKING:
    from reconciler.runtime.node import Node
    from reconciler.settings import Settings

AT_ONCE = 130  # the exit status of who is interrupted
FOLLOWS_NOTHING: Final = (
    "no folder and no repository is followed: `holdfast up PATH` does so; "
    "`holdfast apply -f PATH` hands manifests in"
)
NOT_OURS: Final = "let the node's user read it, or name another place"


@click.command(cls=Verb)
@click.argument("place", type=PLACE, required=False, metavar="[PATH|GIT-URL]")
@click.option("--listen", type=HOST_PORT, metavar="HOST:PORT", help="Where the HTTP API listens.")
def up(place: str | None, listen: str | None) -> int:
    """Run the node in the foreground, on a folder or a git repository.

    Without a place it goes on with the one that it was started with last.
    """
    from reconciler.cli import node_log
    from reconciler.cli.telling import say
    from reconciler.settings import load

    data = given("data")

    def read() -> Settings:
        return load(data, {"api.listen": listen} if listen else None)

    root = _root(place) if place is not None else None
    node_log.begin(read().log)
    if asyncio.run(_live(read, root)):
        say("stopped, and the services with it")
    else:
        say("stopped; the services go on: `holdfast down` stops them too")
    return exits.OK


async def _live(read: Callable[[], Settings], root: dict[str, Any] | None) -> bool:
    """Until it is stopped; whether its services were stopped too."""
    from reconciler.cli.telling import draw, say, tell
    from reconciler.runtime.node import open_node
    from reconciler.runtime.own_sources import ROOT

    async with open_node(read(), root, living=True) as node:
        signals = _Signals(node, read)
        signals.listen()
        drawn = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        if not node.notes.get(ROOT):
            say(FOLLOWS_NOTHING)
        telling = asyncio.create_task((draw if drawn else tell)(node))
        first = asyncio.create_task(_first_key(node))
        try:
            await node.run()
        finally:
            for task in (telling, first):
                task.cancel()
            await asyncio.wait([telling, first])
        return node.ends_services


async def _first_key(node: Node) -> None:
    """Where keys are asked for, somebody must have one: shown once, to who starts the node first."""
    from reconciler.cli.telling import say
    from reconciler.errors import Problem
    from reconciler.runtime.asker import Asker

    if not (node.settings.api.require_auth or node.settings.api.writes):
        return
    try:
        made = await node.desk.api_keys.first(Asker(f"uid:{os.getuid()}"))
    except Problem as problem:
        say(f"error: no first API key was made: {problem}")
        return
    if made is not None:
        say(f"the first API key, an admin's, which nobody can show again: {made['secret']}")


class _Signals:
    """What the node does when it is told something by a signal."""

    def __init__(self, node: Node, read: Callable[[], Settings]) -> None:
        self._node = node
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._working: set[asyncio.Task[None]] = set()
        self._terminal = sys.stdin.isatty()

    def listen(self) -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(one, self._stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _stop(self) -> None:
        self._node.stopping.set()
        for one in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(one)
            signal.signal(one, _end_at_once)

    def _hang_up(self) -> None:
        """From who wants the settings read anew; or from a terminal that goes, and then it is a stop."""
        if self._terminal and not sys.stdin.isatty():
            self._stop()
        else:
            self._begin(self._reload())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _reload(self) -> None:
        from reconciler.cli import node_log
        from reconciler.cli.telling import say
        from reconciler.errors import Problem
        from reconciler.runtime.reloading import reload

        told = await reload(self._node, self._read)
        if isinstance(told, Problem):
            say(f"error: the settings stay as they were: {told}")
            return
        node_log.set_level(told.settings.log)
        say(f"settings read anew; taken over: {', '.join(told.taken) or 'nothing'}")
        if told.waiting:
            say(f"only a restart brings: {', '.join(told.waiting)}")


def _end_at_once(*_: object) -> None:
    """The store is safe at any moment, so is whatever is being done: the next start goes on."""
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), b"\x1b[?25h\r\n")  # the cursor, which the live view hides
    os._exit(AT_ONCE)


def _root(place: str) -> dict[str, Any]:
    """The spec of the root source."""
    if not place:
        raise Invalid("an empty place to follow", remedy="is a variable unset? Without a place: the last one")
    path = Path(place).expanduser()
    try:
        found = _found(path)
    except PermissionError as error:
        raise Refused(f"{error.filename} cannot be read: {error.strerror}", remedy=NOT_OURS) from error
    if found:
        return found
    if "://" in place or ("@" in place and ":" in place):
        return {"git": {"url": place}}
    raise Invalid(f"{place} does not exist", remedy="name a folder, a file, or a git repository's URL")


def _found(path: Path) -> dict[str, Any]:
    """What is there, as a source; empty: nothing."""
    if (path / ".git").exists() or (path / "HEAD").is_file():
        return {"git": {"url": str(path.absolute())}}
    if path.is_dir():
        os.scandir(path).close()  # who may not look into it is told so now
    elif path.is_file() and not path.name.endswith(MANIFESTS):
        raise Invalid(
            f"{path} is no manifest", remedy="name a folder, or a file that ends with .yaml or .yml"
        )
    elif path.exists() and not path.is_file():
        raise Invalid(f"{path} is neither a folder nor a file", remedy="name a folder, a file, or a URL")
    return {"directory": {"path": str(path.absolute())}} if path.exists() else {}
