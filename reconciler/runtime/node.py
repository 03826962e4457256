"""One node: everything wired together, started in order, stopped in reverse.

Rules: owns the one TaskGroup; a service plug-in that crashes is reported and started again, and the node
goes on. `living` false is a command without a node: the same engine, for as long as there is something that
it can bring about.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.errors import Invalid, Problem
from reconciler.model import SOURCE_KIND, Event, JsonValue, source_name
from reconciler.ports.clock import Clock
from reconciler.ports.store import Note
from reconciler.runtime import node_id, present
from reconciler.runtime.availability import HEARTBEAT, ended, noted
from reconciler.runtime.clock import SystemClock
from reconciler.runtime.entry_points import EntryPoint
from reconciler.runtime.lock import Lock
from reconciler.runtime.own_sources import ROOT, declare_own_sources
from reconciler.runtime.parts import Parts
from reconciler.runtime.plugins import from_elsewhere, services
from reconciler.settings import Settings
from reconciler.sources.homes import sweep
from reconciler.store.memory import MemoryStore

if TYPE_CHECKING:
    from reconciler.runtime.desk import Desk
    from reconciler.store.beside import Kept
    from reconciler.store.sqlite import SqliteStore

HEARTBEAT_S = 10.0
RETENTION_S = 3600.0
RESTART_S = 1.0  # before a crashed service plug-in is started again; each time twice as long
LONGEST_RESTART_S = 60.0

CLOCK: Final = SystemClock()

log = logging.getLogger(__name__)


class Service(Protocol):
    """What an entry point of `holdfast.services` is: runs beside the engine until it is cancelled."""

    def __init__(self, node: Node) -> None: ...
    async def run(self) -> None: ...


class Node(Parts):
    """All its parts, brought to life together."""

    @cached_property
    def desk(self) -> Desk:
        from reconciler.runtime.desk import Desk  # a command that compares asks for less

        return Desk(self)

    async def start(self, root: Mapping[str, JsonValue] | None = None) -> None:
        """Read what was, and declare the node's own sources. `root` is the spec of the root source."""
        self.node_id = await asyncio.to_thread(node_id.given, self.settings.data)
        if self.living:
            self.kinds.load()
            await self.drivers.open()
        else:
            await self.drivers.open_what_is_there()
        await self.engine.start()
        self.notes = dict(self.engine.notes)
        await self._sweep()
        await self._remember(root)
        await declare_own_sources(self)
        if self.living and (trouble := await asyncio.to_thread(node_id.trouble, self.settings.data)):
            log.warning("%s", trouble)
            await self.desk.daemon.warn("node id", trouble, "")

    async def look(self) -> None:
        """Read what was, and nothing else: for one who only wants to compare."""
        self.node_id = node_id.read(self.settings.data)
        await self.drivers.look()
        await self.engine.load()
        self.notes = dict(self.engine.notes)

    async def _sweep(self) -> None:
        """Remove what a killed node has left that nobody will ask for again."""
        if not self.engine.rebuilt:  # else nobody knows which sources there were
            followed = {source_name(entry.ref) for entry in self.engine.book if entry.ref.kind == SOURCE_KIND}
            await asyncio.to_thread(sweep, self.settings.data, followed)

    async def _remember(self, root: Mapping[str, JsonValue] | None) -> None:
        if root is not None and root != self.notes.get(ROOT):
            await self.store.commit(Note(ROOT, dict(root)))
            self.notes = {**self.notes, ROOT: dict(root)}

    async def run(self) -> None:
        """Converge and serve until `stopping` is set."""
        plugins = from_elsewhere()
        await self._tell("plugin.loaded", plugins)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.engine.run(), name="engine"),
                group.create_task(self._beat(), name="heartbeat"),
                group.create_task(self._retain(), name="retention"),
                group.create_task(self._measure(), name="metrics"),
                group.create_task(self._trace(), name="tracing"),
                *(group.create_task(self._serve(entry), name=entry.name) for entry in services()),
            ]
            await self.stopping.wait()
            for task in tasks:
                task.cancel()
        await self._tell("plugin.unloaded", plugins)

    async def _tell(self, event: str, plugins: Sequence[EntryPoint]) -> None:
        """Of each of them, by whom it was brought along."""
        now = self.clock.now()
        about = [{"plugin": one.name, "group": one.group, "distribution": _named(one)} for one in plugins]
        with suppress(Problem):  # a store that takes no writes is told of elsewhere
            await self.store.commit(*(Event(event, now, None, data) for data in about))

    async def _serve(self, entry: EntryPoint) -> None:
        """A service plug-in, started again when it crashes."""
        pause = RESTART_S
        while True:
            try:
                await entry.load()(self).run()
                return
            except Exception as error:
                log.exception("service %s", entry.name)
                data = {"plugin": entry.name, "error": f"{type(error).__name__}: {error}"}
                await self.store.commit(Event("plugin.failed", self.clock.now(), None, data))
            await asyncio.sleep(pause)
            pause = min(LONGEST_RESTART_S, pause * 2)

    async def _beat(self) -> None:
        """A store that takes no writes is told by the age of the last one; the node goes on without."""
        begins = [noted(ended(self.notes), self.started_at)]
        while True:
            try:
                await self.store.commit(Note(HEARTBEAT, present.stamp(self.clock.now())), *begins)
                begins = []
                self.desk.daemon.has_written()
                await self.desk.health.notice()
            except Problem as problem:
                log.warning("the heartbeat is not written: %s", problem.message)
            await asyncio.sleep(HEARTBEAT_S)

    async def _retain(self) -> None:
        """Let go of what is older than anybody wants to know."""
        while True:
            try:
                await self.store.prune(self.clock.now(), self.settings.retention)
            except Problem as problem:
                log.warning("nothing old is dropped: %s", problem.message)
            await asyncio.sleep(RETENTION_S)

    async def _measure(self) -> None:
        if (interval_s := self.settings.metrics.interval_s) > 0:
            await self.desk.meter.run(interval_s)

    async def _trace(self) -> None:
        if self.spans.wanted:
            await self.spans.run(self.node_id, self.desk.daemon)

    async def close(self) -> None:
        await self.drivers.close(end_services=self.ends_services)


def _named(plugin: EntryPoint) -> str:
    return f"{plugin.distribution.name} {plugin.distribution.version}"


@asynccontextmanager
async def read_node(settings: Settings, kept: Kept | None = None) -> AsyncIterator[Node]:
    """What a node on this folder would find, without a trace: no lock, no folder, no keeper, no write.

    `kept`: who begins with a comparison, and asks for nothing else, may have had it read already.
    """
    async with AsyncExitStack() as stack:
        store: SqliteStore | MemoryStore = MemoryStore()
        if (tables := kept.tables() if kept is not None else None) is not None:
            store = MemoryStore.holding(tables)
        elif settings.data.is_dir():
            from reconciler.store.comparing import open_read_only

            store = await open_read_only(settings.store)
        stack.push_async_callback(store.close)
        node = Node(settings, store, CLOCK, living=False)
        stack.push_async_callback(node.close)
        await node.look()
        yield node


@asynccontextmanager
async def open_node(
    settings: Settings,
    root: Mapping[str, JsonValue] | None = None,
    *,
    living: bool,
    clock: Clock = CLOCK,
) -> AsyncIterator[Node]:
    """A node on its data folder, started; closed in reverse however it ends."""
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileNotFoundError as error:  # as in /proc, where nobody makes a folder
        raise Invalid(f"{settings.data}: cannot be made", remedy="name another folder with --data") from error
    async with AsyncExitStack() as stack:
        lock = Lock(settings.data)
        lock.acquire()
        stack.callback(lock.release)
        from reconciler.store.opening import open_store  # who only looks needs no way to write

        store = await open_store(settings.store, clock)
        stack.push_async_callback(store.close)
        node = Node(settings, store, clock, living=living)
        stack.push_async_callback(node.close)
        await node.start(root)
        yield node
