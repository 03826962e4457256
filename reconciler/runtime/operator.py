"""The node as a Kubernetes operator: a cluster's custom resources are its root source, written back to.

Rules: with a lease only its holder opens the data folder, so operators that share one act one after
another; a lease that is lost ends all acting at once, and the process with it, since what it last saw may
no longer be so.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from uuid import uuid4

from reconciler.errors import Conflict, Problem, Unavailable
from reconciler.model import Ref
from reconciler.ports.clock import Clock
from reconciler.ports.store import EventFilter
from reconciler.runtime.clock import SystemClock
from reconciler.runtime.node import Node, open_node
from reconciler.runtime.own_sources import ROOT
from reconciler.runtime.standings import Standings
from reconciler.settings import Settings
from reconciler.sources.cluster import events
from reconciler.sources.cluster.client import Client
from reconciler.sources.cluster.connection import login
from reconciler.sources.cluster.feed import ClusterFeed
from reconciler.sources.cluster.lease import Lease
from reconciler.sources.cluster.mirror import Mirror
from reconciler.sources.cluster.objects import CustomResource
from reconciler.sources.cluster.upkeep import Upkeep
from reconciler.sources.cluster.watcher import Watcher, part
from reconciler.sources.homes import exports

LOCK_S = 0.5  # how often to ask for the data folder that the leader before is still closing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """How to be an operator."""

    namespaces: tuple[str, ...] = ()  # empty: all
    elect: bool = True


class Operator:
    def __init__(self, settings: Settings, terms: Terms, say: Callable[[str], None]) -> None:
        self.stopping = asyncio.Event()
        self._settings = settings
        self._terms = terms
        self._say = say
        self._clock: Clock = SystemClock()
        self._node: Node | None = None

    @property
    def state(self) -> str:
        """standby, or what the node says of itself."""
        return self._node.desk.daemon.state if self._node is not None else "standby"

    async def run(self) -> None:
        """Until `stopping` is set; raises when the lease is lost."""
        async with Client(login) as client:
            if not self._terms.elect:
                await self._lead(client)
                return
            identity = f"{socket.gethostname()}_{uuid4().hex}"
            lease = Lease(client, self._clock, client.login.namespace, identity)
            self._say(f"waiting for the lease in namespace {client.login.namespace}, as {identity}")
            if not await self._or_stop(lease.acquire()):
                return
            keeping = asyncio.create_task(lease.keep(), name="lease")
            keeping.add_done_callback(lambda _: self._stop_acting())
            try:
                await self._lead(client)
            finally:
                lost = keeping.result() if keeping.done() else ""
                keeping.cancel()
                if not lost:
                    await lease.release()
            if lost:
                raise Unavailable(
                    f"the lease was lost: {lost}", remedy="start it again: it waits for its turn"
                )

    def _stop_acting(self) -> None:
        self.stopping.set()
        if self._node is not None:
            self._node.stopping.set()

    async def _or_stop(self, act: Awaitable[None]) -> bool:
        """Do it; false: told to stop before it was done."""
        doing, stopped = asyncio.ensure_future(act), asyncio.create_task(self.stopping.wait())
        await asyncio.wait({doing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if doing.done():
            await doing
            return True
        doing.cancel()
        await asyncio.wait({doing})
        return False

    # ------------------------------------------------------------------------------------------ leading

    async def _lead(self, client: Client) -> None:
        async with AsyncExitStack() as stack:
            node = await self._opened(stack)
            if node is None:
                return
            self._say(f"leading, as an operator of {client.login.server}, its data in {self._settings.data}")
            self._node = node
            stopping = asyncio.create_task(self._pass_on_stop(node))
            work = asyncio.create_task(self._work(client, node), name="operator")
            work.add_done_callback(lambda _: node.stopping.set())  # it never ends by itself, save by a crash
            try:
                await node.run()
            finally:
                stopping.cancel()
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                self._node = None

    async def _pass_on_stop(self, node: Node) -> None:
        await self.stopping.wait()
        node.stopping.set()

    async def _opened(self, stack: AsyncExitStack) -> Node | None:
        """The node; the leader before us may still be closing it."""
        root = {"cluster": {"namespaces": list(self._terms.namespaces)}}
        while not self.stopping.is_set():
            try:
                return await stack.enter_async_context(open_node(self._settings, root, living=True))
            except Conflict:
                if not self._terms.elect:
                    raise
            await asyncio.sleep(LOCK_S)
        return None

    async def _work(self, client: Client, node: Node) -> None:
        """Watch the cluster, and write back to it."""
        scopes = [
            (kind, place)
            for kind in node.kinds
            if "." not in kind
            for place in self._terms.namespaces or ("",)
        ]
        mirror = Mirror(part(*scope) for scope in scopes)

        async def recall(revision: str) -> dict[str, bytes]:
            return dict(await node.store.revision_files(ROOT, revision))

        feed = ClusterFeed(mirror, node.kinds, recall, self._clock, exports(self._settings.data))
        node.drivers.feeds["cluster"] = lambda _: feed
        upkeep = Upkeep(client, mirror, Standings(node, feed), self._clock)
        node.sources.subscribe(lambda _: upkeep.wake())
        async with asyncio.TaskGroup() as group:
            for scope in scopes:
                group.create_task(Watcher(client, mirror, self._clock, scope).run(), name=part(*scope))
            group.create_task(upkeep.run(), name="upkeep")
            group.create_task(_wake(node, upkeep), name="news")
            group.create_task(_tell(client, node, mirror), name="events")


async def _wake(node: Node, upkeep: Upkeep) -> None:
    """What has happened to a resource may be its new status."""
    _, newest = await node.store.event_ids()
    async for _ in node.store.follow(newest, EventFilter()):
        upkeep.wake()


async def _tell(client: Client, node: Node, mirror: Mirror) -> None:
    """Pass the node's events on to the cluster, each to the custom resource that it concerns."""
    _, newest = await node.store.event_ids()
    async for event in node.store.follow(newest, EventFilter()):
        one = _owner(mirror, _line(node, event.subject))
        if one is None:
            continue
        try:
            await client.post(events.collection(one), events.told(event, one, node.node_id))
        except Conflict:
            continue  # it was told already
        except Problem as problem:
            log.warning("an event of %s was not told: %s", one.ref, problem)


def _line(node: Node, ref: Ref | None) -> Iterable[Ref]:
    """It, and what it is a part of."""
    return (ref, *node.engine.book.line(ref)) if ref is not None else ()


def _owner(mirror: Mirror, line: Iterable[Ref]) -> CustomResource | None:
    return next(filter(None, map(mirror.get, line)), None)
