"""The real things behind the ports, each imported and made when something first asks for it.

Rules: the one place that knows which driver stands behind a port; what nobody has asked for is neither
opened nor closed, so a command that only looks at a few kinds pays for no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from reconciler.ports.clock import Clock
from reconciler.ports.feed import Feed
from reconciler.ports.kinds import Kinds
from reconciler.ports.sources import SourceConfig
from reconciler.runtime.timed import Timed, calls
from reconciler.settings import Settings

if TYPE_CHECKING:
    from reconciler.drivers import keystore, processes
    from reconciler.runtime.tracing import Tracing
    from reconciler.sources.supervisor import FeedFactory, Supervisor
    from reconciler.sources.uptake import Means


class Drivers:
    """`means` is what the sources need of the node; `tracer` follows their calls, too."""

    def __init__(
        self, settings: Settings, clock: Clock, means: Callable[[], Means], tracer: Tracing | None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._means = means
        self._tracer = tracer
        self.calls = calls()

    @cached_property
    def keystore(self) -> keystore.Keystore:
        from reconciler.drivers.keystore import Keystore

        return Keystore(self._settings.data / "keystore")

    @cached_property
    def processes(self) -> processes.Processes:
        from reconciler.drivers.processes import Processes

        return Processes(self._processes, self._clock)

    @cached_property
    def sources(self) -> Supervisor:
        from reconciler.sources.supervisor import Supervisor

        return Supervisor(self.feeds, self._means())

    async def open(self) -> None:
        await self.processes.open()

    async def open_what_is_there(self) -> None:
        """As `open`, where there may be something to find."""
        if self._processes.is_dir():
            await self.processes.open()

    async def look(self) -> None:
        """What is there, without a trace: who looks so acts on nothing."""
        if self._processes.is_dir():
            await self.processes.look()

    async def close(self, *, end_services: bool) -> None:
        if "sources" in vars(self):
            await self.sources.close()
        if end_services:
            await self.processes.shutdown()
        if "processes" in vars(self):
            await self.processes.close()

    def uses(self, kinds: Kinds) -> Mapping[str, Any]:
        """For each kind the ports that its `uses` asks for, found by their types' names: none is imported."""

        def timed(name: str, port: Callable[[], object]) -> Callable[[], object]:
            return lambda: Timed(port(), name, self.calls.add if self._tracer is None else self._called)

        ports = {
            "Clock": lambda: self._clock,
            "Keys": timed("keys", lambda: self.keystore.keys),
            "Secrets": timed("secrets", lambda: self.keystore.secrets),
            "SecretStore": timed("secrets", lambda: self.keystore.secrets),
            "Processes": timed("processes", lambda: self.processes),
            "Sources": timed("sources", lambda: self.sources),
        }
        return _Uses(kinds, ports)

    def _called(self, took_s: float, driver: str, call: str, outcome: str) -> None:
        assert self._tracer is not None  # noqa: S101 - else nobody calls this
        self.calls.add(took_s, driver, call, outcome)
        self._tracer.called(took_s, driver, call, outcome)

    @property
    def _processes(self) -> Path:
        return self._settings.data / "processes"

    @cached_property
    def feeds(self) -> dict[str, FeedFactory]:
        """What follows each type of source; a service may add one before the node starts."""

        def git(config: SourceConfig) -> Feed:
            from reconciler.sources.git import Access, GitFeed

            access = Access(self.keystore.secrets, self.keystore.keys)
            return GitFeed(config, self._settings.data, access, self._clock)

        def directory(config: SourceConfig) -> Feed:
            from reconciler.sources.directory import DirectoryFeed

            return DirectoryFeed(config, self._clock)

        def inbox(config: SourceConfig) -> Feed:
            from reconciler.sources.inbox_feed import InboxFeed

            return InboxFeed(config, self._clock)

        return {"git": git, "directory": directory, "inbox": inbox}


class _Uses(dict[str, Any]):
    def __init__(self, kinds: Kinds, ports: Mapping[str, Callable[[], object]]) -> None:
        self._kinds = kinds
        self._ports = ports

    def __missing__(self, name: str) -> object:
        uses = self._kinds[name].uses
        types = get_type_hints(uses)
        ports = {field.name: self._ports[types[field.name].__name__]() for field in fields(uses)}
        made = self[name] = uses(**ports)
        return made
