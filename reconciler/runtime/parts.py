"""What a node is made of, each part wired to those that it needs.

Rules: whoever serves a node (the desk, its window, the hooks, the daemon) knows these parts, and not the node
that owns their life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

from reconciler.engine.loop import Engine, Pace
from reconciler.engine.world import World
from reconciler.figures import Instrument
from reconciler.model import JsonValue
from reconciler.ports.clock import Clock
from reconciler.runtime.drivers import Drivers
from reconciler.runtime.plugins import find_kinds
from reconciler.settings import Settings
from reconciler.sources.homes import exports
from reconciler.sources.inbox import Inbox
from reconciler.sources.reader import Reader

if TYPE_CHECKING:
    from reconciler.runtime.keyring import Keyring
    from reconciler.runtime.performance import Performance
    from reconciler.runtime.spans import Spans
    from reconciler.runtime.tracing import Tracing
    from reconciler.sources.supervisor import Supervisor
    from reconciler.sources.uptake import Means
    from reconciler.store.memory import MemoryStore
    from reconciler.store.sqlite import SqliteStore


class Parts:
    def __init__(
        self, settings: Settings, store: SqliteStore | MemoryStore, clock: Clock, *, living: bool
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.living = living
        self.kinds = find_kinds()
        self.inbox = Inbox(settings.data / "inbox")
        self.reader = Reader(self.kinds)
        self.started_at = clock.now()
        self.stopping = asyncio.Event()
        self.notes: Mapping[str, JsonValue] = {}
        self.figures: list[Instrument] = []  # of services beside the engine
        self.node_id = ""  # until it was started once
        tracer = self.tracing if living else None
        self.drivers = Drivers(settings, clock, self._means, tracer)
        self.uses = self.drivers.uses(self.kinds)
        pace = Pace(settings.reconcile.workers, settings.reconcile.interval_s)
        random = Random()  # noqa: S311 - only spreads the load
        world = World(self.kinds, self.uses, store, clock, random, tracer)
        self.engine = Engine(world, pace, living=living)
        self.ends_services = False  # when it stops

    @cached_property
    def keyring(self) -> Keyring:
        from reconciler.runtime.keyring import Keyring  # a command without a server lets nobody in

        return Keyring(self.engine)

    @cached_property
    def spans(self) -> Spans:
        from reconciler.runtime.spans import Spans

        return Spans(self.settings.tracing.otlp_endpoint)

    @cached_property
    def tracing(self) -> Tracing:
        from reconciler.runtime.tracing import Tracing

        return Tracing(self.spans)

    @cached_property
    def performance(self) -> Performance:
        from reconciler.runtime.performance import Performance

        return Performance(self.store.reads, self.store.commits)

    @property
    def sources(self) -> Supervisor:
        return self.drivers.sources

    def _means(self) -> Means:
        from reconciler.sources.history import Memory
        from reconciler.sources.uptake import Means

        memory = Memory(self.store, self.clock, exports(self.settings.data))
        return Means(memory, self.engine, self.reader.snapshot)
