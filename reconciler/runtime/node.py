"""One node: everything wired together, started in order, stopped in reverse.

Rules: owns the one TaskGroup; a service plug-in that crashes is reported and started again, and the node
goes on. `living` false is a command without a node: the same engine, for as long as there is something that
it can bring about.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from importlib.metadata import EntryPoint
from random import Random
from typing import TYPE_CHECKING, Any, Final, Protocol

from reconciler.engine.loop import Engine, Pace
from reconciler.engine.world import World
from reconciler.errors import Failed, Problem, Unavailable
from reconciler.model import (
    EMPTY,
    NODE_SOURCE,
    SOURCE_KIND,
    Event,
    JsonValue,
    Origin,
    Ref,
    Resource,
    Snapshot,
    source_name,
)
from reconciler.ports.clock import Clock
from reconciler.ports.sources import SourceConfig
from reconciler.ports.store import Note
from reconciler.runtime import node_id, present
from reconciler.runtime.bundle import INBOX
from reconciler.runtime.clock import SystemClock
from reconciler.runtime.desk import Desk
from reconciler.runtime.drivers import Drivers
from reconciler.runtime.lock import Lock
from reconciler.runtime.plugins import find_kinds, services
from reconciler.settings import Settings
from reconciler.sources.directory import DirectoryFeed
from reconciler.sources.generations import CURRENT
from reconciler.sources.homes import exports, sweep
from reconciler.sources.inbox import Inbox, ref_of
from reconciler.sources.reader import Reader
from reconciler.store.comparing import open_read_only
from reconciler.store.memory import MemoryStore
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from reconciler.sources.supervisor import Supervisor
    from reconciler.sources.uptake import Means
    from reconciler.views import NodeView

ROOT = "root"
HEARTBEAT_S = 10.0
BEGINNING_S = 10.0  # until the node follows its own sources
RETENTION_S = 3600.0
RESTART_S = 1.0  # before a crashed service plug-in is started again; each time twice as long
LONGEST_RESTART_S = 60.0

CLOCK: Final = SystemClock()

log = logging.getLogger(__name__)


class Service(Protocol):
    """What an entry point of `holdfast.services` is: runs beside the engine until it is cancelled."""

    def __init__(self, node: Node) -> None: ...
    async def run(self) -> None: ...


class Node:
    def __init__(
        self, settings: Settings, store: SqliteStore | MemoryStore, clock: Clock, *, living: bool
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.living = living
        self.kinds = find_kinds()
        self.inbox = Inbox(settings.data / "inbox")
        self.started_at = clock.now()
        self.stopping = asyncio.Event()
        self.notes: Mapping[str, JsonValue] = {}
        self.node_id = ""  # until it was started once
        self.drivers = Drivers(settings, clock, self._means)
        self.uses = self.drivers.uses(self.kinds)
        pace = Pace(settings.reconcile.workers, settings.reconcile.interval_s)
        world = World(self.kinds, self.uses, store, clock, Random())  # noqa: S311 - only spreads the load
        self.engine = Engine(world, pace, living=living)
        self._reader = Reader(self.kinds)
        self.desk = Desk(self)

    @property
    def sources(self) -> Supervisor:
        return self.drivers.sources

    def _means(self) -> Means:
        from reconciler.sources.history import Memory
        from reconciler.sources.uptake import Means

        memory = Memory(self.store, self.clock, exports(self.settings.data))
        return Means(memory, self.engine, self._reader.snapshot)

    # ------------------------------------------------------------------------------------------ its life

    async def start(self, root: Mapping[str, JsonValue] | None = None) -> None:
        """Read what was, and declare the node's own sources. `root` is the spec of the root source."""
        self.node_id = await asyncio.to_thread(node_id.given, self.settings.data)
        self.kinds.load()
        await self.drivers.open()
        await self.engine.start()
        self.notes = dict(self.engine.notes)
        await self._sweep()
        await self._remember(root)
        await self.engine.submit(self._own_snapshot())

    async def look(self) -> None:
        """Read what was, and nothing else: for one who only wants to compare."""
        self.node_id = node_id.read(self.settings.data)
        await self.drivers.look()
        await self.engine.load()
        self.notes = dict(self.engine.notes)
        await self.engine.submit(self._own_snapshot())

    async def peek(self, besides: Collection[Ref] = ()) -> Snapshot:
        """What lies in the inbox, but for what is known already. For who has no source that follows it."""
        if not self.inbox.besides(besides):
            return Snapshot(INBOX, "", EMPTY)
        config = SourceConfig(INBOX, "inbox", str(self.inbox.folder), paths=(CURRENT,))
        fetched = await DirectoryFeed(config, self.clock).latest()
        unknown = {path: digest for path, digest in fetched.paths.items() if ref_of(path) not in besides}
        return self._reader.snapshot(config, replace(fetched, paths=unknown))

    async def peek_whole(self) -> None:
        """Take the inbox as it lies there; who only looks decides nothing, so nothing is taken away."""
        snapshot = await self.peek()
        looking = Unavailable("nothing is decided by who only looks")
        await self.engine.submit(replace(snapshot, problems=(*snapshot.problems, looking)))

    async def _sweep(self) -> None:
        """Remove what a killed node has left that nobody will ask for again."""
        if not self.engine.rebuilt:  # else nobody knows which sources there were
            followed = {source_name(entry.ref) for entry in self.engine.book if entry.ref.kind == SOURCE_KIND}
            await asyncio.to_thread(sweep, self.settings.data, followed)

    async def _remember(self, root: Mapping[str, JsonValue] | None) -> None:
        if root is not None and root != self.notes.get(ROOT):
            await self.store.commit(Note(ROOT, dict(root)))
            self.notes = {**self.notes, ROOT: dict(root)}

    def _own_snapshot(self) -> Snapshot:
        """What the node declares by itself: its inbox, and the root that it was started with."""
        specs: dict[str, Mapping[str, JsonValue]] = {
            INBOX: {"inbox": {"path": str(self.settings.data / "inbox")}}
        }
        if root := self.notes.get(ROOT):
            specs[ROOT] = root
        resources: dict[Ref, Resource[Any]] = {}
        for name, spec in specs.items():
            ref = Ref(SOURCE_KIND, "default", name)
            model = self.kinds[SOURCE_KIND].spec.model_validate(spec)
            resources[ref] = Resource(ref, model, Origin(NODE_SOURCE), needs=self.kinds.needs(ref, model))
        return Snapshot(NODE_SOURCE, "", resources)

    async def run(self) -> None:
        """Converge and serve until `stopping` is set."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.engine.run(), name="engine"),
                group.create_task(self._beat(), name="heartbeat"),
                group.create_task(self._retain(), name="retention"),
                *(group.create_task(self._serve(entry), name=entry.name) for entry in services()),
            ]
            await self.stopping.wait()
            for task in tasks:
                task.cancel()

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
        while True:
            try:
                await self.store.commit(Note("heartbeat", present.stamp(self.clock.now())))
                self.desk.daemon.has_written()
            except Problem as problem:
                log.warning("the heartbeat is not written: %s", problem.message)
            await asyncio.sleep(HEARTBEAT_S)

    async def _retain(self) -> None:
        """Let go of what is older than anybody wants to know."""
        while True:
            with suppress(Problem):
                await self.store.prune(self.clock.now(), self.settings.retention)
            await asyncio.sleep(RETENTION_S)

    async def read_inbox(self, snapshot: Snapshot) -> None:
        """Take what was just written there into force, and say what speaks against it.

        Where no source follows the inbox, `snapshot` is taken as what it holds now.
        """
        if self.living:
            await self._until_the_inbox_is_followed()
            state = await self.sources.read(INBOX)
            trouble = state.error or (state.held and f"{state.held}: {'; '.join(state.problems)}")
            if trouble:
                raise Failed(f"the inbox was written, but is not in force: {trouble}")
            return
        await self.engine.submit(snapshot)

    async def _until_the_inbox_is_followed(self) -> None:
        """Right after the start the engine has not come to it yet."""
        try:
            async with asyncio.timeout(BEGINNING_S):
                await self.sources.until_followed(INBOX)
        except TimeoutError:
            raise Unavailable(
                "the inbox was written, and is not read yet", remedy="`holdfast get source` says why"
            ) from None

    async def close(self) -> None:
        await self.drivers.close(end_services=self.desk.daemon.ends_services)

    # ------------------------------------------------------------------------------------- at a glance

    def overview(self) -> NodeView:
        kinds: dict[str, dict[str, int]] = {}
        totals = {"ready": 0, "not_ready": 0, "stalled": 0}
        for entry in self.engine.book:
            status = entry.judged
            word = "ready" if status is not None and status.ready else "not_ready"
            if status is not None and status.stalled:
                word = "stalled"
            totals[word] += 1
            row = kinds.setdefault(entry.ref.kind, {"ready": 0, "not_ready": 0, "stalled": 0})
            row[word] += 1
        return {
            "node_id": self.node_id,
            "status": self.desk.daemon.state,
            "version": self.desk.daemon.version,
            "started_at": present.stamp(self.started_at),
            "uptime_s": self.desk.daemon.uptime_s,
            "last_pass_age_s": self.desk.daemon.last_pass_age_s,
            "resources": len(self.engine.book),
            "ready": totals["ready"],
            "not_ready": totals["not_ready"],
            "stalled": totals["stalled"],
            "kinds": dict(sorted(kinds.items())),
            "sources": self.desk.sources(),
            "rebuilt": self.desk.daemon.rebuilt,
            "problems": self.desk.daemon.problems,
            "warnings": self.desk.daemon.warnings,
        }


@asynccontextmanager
async def read_node(settings: Settings) -> AsyncIterator[Node]:
    """What a node on this folder would find, without a trace: no lock, no folder, no keeper, no write."""
    async with AsyncExitStack() as stack:
        store: SqliteStore | MemoryStore = MemoryStore()
        if settings.data.is_dir():
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
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        lock = Lock(settings.data)
        lock.acquire()
        stack.callback(lock.release)
        store = await open_store(settings.store, clock)
        stack.push_async_callback(store.close)
        node = Node(settings, store, clock, living=living)
        stack.push_async_callback(node.close)
        await node.start(root)
        yield node
