"""A node without its shell: the real engine, the real supervisor, real folders, and a store in memory.

Rules: nothing is patched; the kinds are `Source` and a `Probe` whose readiness is written in its spec.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from reconciler.drivers.keystore.fake import FakeKeys, FakeSecrets
from reconciler.engine.loop import Engine
from reconciler.engine.world import World
from reconciler.errors import Misplaced, Place
from reconciler.kinds.source import Source
from reconciler.kinds.source import Uses as SourceUses
from reconciler.kinds.source.spec import SourceSpec
from reconciler.model import (
    NODE_SOURCE,
    Case,
    JsonValue,
    Origin,
    Ref,
    Resource,
    Seen,
    Snapshot,
    Status,
    Verdict,
)
from reconciler.ports.feed import Fetched
from reconciler.ports.kinds import Kinds
from reconciler.ports.sources import SourceConfig, SourceState
from reconciler.runtime.clock import SystemClock
from reconciler.sources.directory import DirectoryFeed
from reconciler.sources.git import Access, GitFeed
from reconciler.sources.history import Memory
from reconciler.sources.inbox_feed import InboxFeed
from reconciler.sources.reader import Reader
from reconciler.sources.supervisor import FeedFactory, Supervisor
from reconciler.sources.uptake import Means
from reconciler.store.memory import MemoryStore
from tests.plugins.holdfast_samples.null import Null, NullSpec, NullState
from tests.plugins.holdfast_samples.null import Uses as NullUses

TIMEOUT_S = 60


class Probe(Null):
    """Ready, unless its input says otherwise, or its name is among those that are out."""

    def __init__(self) -> None:
        self.outage: set[str] = set()
        self.read: dict[str, bytes] = {}  # what each found in the file beside it

    async def observe(
        self, want: Resource[NullSpec], memory: Mapping[str, JsonValue], uses: NullUses, *, fresh: bool
    ) -> Seen[NullState]:
        tree = want.origin.tree
        if tree is not None and want.wish.input == "reads":
            self.read[want.ref.name] = tree.read("data.txt")
        return await super().observe(want, memory, uses, fresh=fresh)

    def verdict(self, case: Case[NullSpec, NullState]) -> Verdict:
        word = "hangs" if case.want.ref.name in self.outage else case.want.wish.input
        return Verdict(
            ready=word not in {"stalls", "hangs"}, reason=word or "Empty", stalled=word == "stalls"
        )


def read(config: SourceConfig, fetched: Fetched, ours: Collection[str]) -> Snapshot:
    """Documents `name: input`; `name: [broken]` is one with an error."""
    resources: dict[Ref, Resource[Any]] = {}
    problems: list[Exception] = []
    for path in sorted(fetched.paths):
        if not path.endswith(".yaml"):
            continue
        for name, value in (yaml.safe_load(fetched.tree.read(path)) or {}).items():
            origin = Origin(config.name, fetched.revision, path, tree=fetched.tree)
            if isinstance(value, dict):
                ref = Ref("Source", "default", name)
                resources[ref] = Resource(ref, SourceSpec.model_validate(value), origin)
            elif isinstance(value, str):
                ref = Ref("Probe", "default", name)
                resources[ref] = Resource(ref, NullSpec(input=value), origin)
            else:
                problems.append(Misplaced(Place(path, 1, 1), name, "is broken"))
    return Snapshot(config.name, fetched.revision, resources, tuple(problems))


@dataclass
class House:
    engine: Engine
    supervisor: Supervisor
    store: MemoryStore
    probe: Probe

    async def declare(self, **specs: Mapping[str, JsonValue]) -> None:
        """What the node itself declares."""
        resources: dict[Ref, Resource[Any]] = {}
        for name, spec in specs.items():
            ref = Ref("Source", "default", name)
            resources[ref] = Resource(ref, SourceSpec.model_validate(spec), Origin(NODE_SOURCE))
        assert (await self.engine.submit(Snapshot(NODE_SOURCE, "", resources, allow_prune=True))).accepted

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that the house knows; every turn of a source or status is a chance."""
        async with asyncio.timeout(TIMEOUT_S):
            while not holds():  # noqa: ASYNC110 - any part of the house may bring it about
                await asyncio.sleep(0.001)

    async def state(self, name: str, **fields: object) -> SourceState:
        """Wait until the source's state has these values."""

        def holds() -> bool:
            state = self.supervisor.state(name)
            return state is not None and all(getattr(state, key) == value for key, value in fields.items())

        await self.until(holds)
        return self.known(name)

    def known(self, name: str) -> SourceState:
        state = self.supervisor.state(name)
        assert state is not None
        return state

    async def read(self, name: str) -> SourceState:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.supervisor.read(name)

    def inputs(self) -> dict[str, str]:
        """What is wanted of the probes."""
        wants = self.engine.wishes.wants
        return {ref.name: want.wish.input for ref, want in wants.items() if ref.kind == "Probe"}

    def status(self, kind: str, name: str) -> Status | None:
        return self.engine.status(Ref(kind, "default", name))

    def reason(self, name: str) -> str:
        """Why a source is, or is not, ready."""
        status = self.status("Source", name)
        ready = status.condition("Ready") if status is not None else None
        return ready.reason if ready is not None else ""


@asynccontextmanager
async def opened(
    store: MemoryStore,
    scratch: Path,
    *,
    grace_s: float = 5.0,
    written_out: bool = False,
    **other_feeds: FeedFactory,
) -> AsyncIterator[House]:
    """`written_out`: the folders hold whole manifests, and what a node reads them with reads them."""
    clock = SystemClock()
    probe = Probe()
    kinds = Kinds({"Source": Source(), "Probe": probe})
    uses: dict[str, Any] = {"Probe": NullUses(clock)}
    engine = Engine(World(kinds, uses, store, clock, Random(1)))
    feeds: dict[str, FeedFactory] = {
        "directory": lambda config: DirectoryFeed(config, clock),
        "inbox": lambda config: InboxFeed(config, clock),
        "git": lambda config: GitFeed(config, scratch, Access(FakeSecrets(), FakeKeys()), clock),
        **other_feeds,
    }
    reads = Reader(kinds).snapshot if written_out else read
    supervisor = Supervisor(feeds, Means(Memory(store, clock, scratch), engine, reads, grace_s))
    uses["Source"] = SourceUses(supervisor, clock)
    await engine.start()
    work = asyncio.create_task(engine.run())
    try:
        yield House(engine, supervisor, store, probe)
    finally:
        await supervisor.close()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
