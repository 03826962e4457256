"""The node itself as a running thing: how it does, what it warns about, and how it is told to stop.

Rules: liveness is the engine's, not the process': a node whose passes have stopped is no living one,
however well it answers; a warning stands until what it is about is settled, its event is written once.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.model import Event
from reconciler.runtime import present
from reconciler.runtime.asker import Asker
from reconciler.views import DaemonView, HealthView, StatsView

if TYPE_CHECKING:
    from reconciler.runtime.node import Node

LEAST_PATIENCE_S = 60.0
PATIENCE_PASSES = 3  # rounds of looking at everything that may be missed before the engine counts as dead


class Daemon:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._began = node.clock.monotonic()
        self._warnings: dict[str, str] = {}
        self.listeners: dict[str, str] = {}  # what a service listens on, for who wants to find it
        self.ends_services = False

    @property
    def version(self) -> str:
        return __version__

    @property
    def uptime_s(self) -> float:
        return round(self._node.clock.monotonic() - self._began, 3)

    @property
    def last_pass_age_s(self) -> float | None:
        last = self._node.engine.last_pass
        return round(self._node.clock.monotonic() - last, 3) if last is not None else None

    @property
    def state(self) -> str:
        """running, stalled (no pass for too long), or stopping."""
        if self._node.stopping.is_set():
            return "stopping"
        patience = max(LEAST_PATIENCE_S, PATIENCE_PASSES * self._node.settings.reconcile.interval_s)
        age = self.last_pass_age_s
        return "stalled" if (self.uptime_s if age is None else age) > patience else "running"

    # --------------------------------------------------------------------------------------- at a glance

    def health(self) -> HealthView:
        return {
            "status": self.state,
            "version": self.version,
            "uptime_s": self.uptime_s,
            "last_pass_age_s": self.last_pass_age_s,
        }

    def view(self) -> DaemonView:
        return {
            **self.health(),
            "node_id": self._node.node_id,
            "pid": os.getpid(),
            "started_at": present.stamp(self._node.started_at),
            "resources": len(self._node.engine.book),
            "listeners": dict(self.listeners),
            "warnings": self.warnings,
        }

    async def stats(self) -> StatsView:
        oldest, newest = await self._node.store.event_ids()
        spent = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "uptime_s": self.uptime_s,
            "memory_bytes": _resident(),
            "cpu_s": round(spent.ru_utime + spent.ru_stime, 3),
            "resources": len(self._node.engine.book),
            "oldest_event": oldest,
            "newest_event": newest,
        }

    # ------------------------------------------------------------------------------------------ warnings

    @property
    def warnings(self) -> list[str]:
        broken = (f"plug-in {one.name} could not be loaded: {one.reason}" for one in self._node.broken)
        return [*broken, *self._warnings.values()]

    async def warn(self, about: str, cause: str, remedy: str) -> None:
        """Something does not work, and the node goes on."""
        if self._warnings.get(about) != cause:
            data = {"about": about, "message": cause, "remedy": remedy}
            await self._node.store.commit(Event("node.warning", self._node.clock.now(), None, data))
            self._warnings[about] = cause

    def settle(self, about: str) -> None:
        self._warnings.pop(about, None)

    # ---------------------------------------------------------------------------------------- its end

    async def stop(self, by: Asker, *, services: bool) -> DaemonView:
        """End the node, and its services only if asked to."""
        now, told = self._node.clock.now(), {"services": services}
        await self._node.store.commit(
            Event("node.stopping", now, None, told, by.actor, by.request_id, by.trace_id)
        )
        self.ends_services = services
        self._node.stopping.set()
        return self.view()


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - Path costs more than the read
        return int(file.read().split()[1]) * resource.getpagesize()
