"""The node itself as a running thing: how it does, what it warns about, and how it is told to stop.

Rules: liveness is the engine's, not the process': a node whose passes have stopped is no living one,
however well it answers; a warning stands until what it is about is settled, its event is written once.
"""

from __future__ import annotations

import asyncio
import os
import resource
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.model import Event
from reconciler.runtime import present
from reconciler.runtime.asker import Asker, Rehearsed
from reconciler.runtime.availability import TARGET, ended, share_up
from reconciler.runtime.parts import Parts

if TYPE_CHECKING:
    from reconciler.ports.sources import SourceState
    from reconciler.views import DaemonView, HealthView, RebuiltView, StatsView

LEAST_PATIENCE_S = 60.0
BY_A_PERSON = frozenset({"Hold"})  # why a newest revision is not in force, and that is as it should be
WITHHELD = (
    "the store was lost at {at} ({reason}; kept as {aside}) and rebuilt: what nothing declares any more "
    "stays ({count}) until you confirm with `{remedy}`"
)
PATIENCE_PASSES = 3  # rounds of looking at everything that may be missed before the engine counts as dead


class Daemon:
    def __init__(self, node: Parts) -> None:
        self._node = node
        self._began = node.clock.monotonic()
        self._warnings: dict[str, str] = {}
        self._bearable: set[str] = set()  # what is warned of, and the node is well all the same
        self._written: float | None = None
        self.listeners: dict[str, str] = {}  # what a service listens on, for who wants to find it

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
    def last_heartbeat_age_s(self) -> float | None:
        written = self._written
        return round(self._node.clock.monotonic() - written, 3) if written is not None else None

    @property
    def availability(self) -> float:
        """Which share of the last 30 days, or since its first start, the node was there."""
        node = self._node
        return round(share_up(ended(node.notes), node.started_at, node.clock.now()), 6)

    def has_written(self) -> None:
        """The store takes writes."""
        self._written = self._node.clock.monotonic()

    @property
    def state(self) -> str:
        """running, degraded (something is wrong), stalled (no pass for too long), stopping, or none runs."""
        if not self._node.living:
            return "stopped"
        if self._node.stopping.is_set():
            return "stopping"
        if self.stalls:
            return "stalled"
        return "degraded" if self.problems else "running"

    @property
    def stalls(self) -> bool:
        """The engine has not worked for too long."""
        patience = max(LEAST_PATIENCE_S, PATIENCE_PASSES * self._node.settings.reconcile.interval_s)
        return self._older(self.last_pass_age_s, patience)

    def _older(self, age: float | None, seconds: float) -> bool:
        """What has never been is as old as the node."""
        return (self.uptime_s if age is None else age) > seconds

    @property
    def behind(self) -> str:
        """What is wrong with the engine: it is dead, or has more to do than it can."""
        if self.stalls:
            age = self.uptime_s if self.last_pass_age_s is None else self.last_pass_age_s
            return f"the engine does not work: no pass for {age:.0f} s; restart the node"
        due = self._node.engine.backlog
        if due.oldest_s > LEAST_PATIENCE_S:
            return f"the engine is behind: {due.due} resources are due, the oldest for {due.oldest_s:.0f} s"
        return ""

    @property
    def unwritten(self) -> str:
        """What is wrong with the store."""
        if self._older(self.last_heartbeat_age_s, LEAST_PATIENCE_S):
            return f"nothing was written for too long; is there room for {self._node.settings.store}?"
        return ""

    @property
    def problems(self) -> list[str]:
        """All that keeps the node from being well, each with what to do about it."""
        sources = [
            f"source {state.config.name}: {wrong}; `holdfast source show {state.config.name}` says more"
            for state in self._node.sources.states()
            if (wrong := trouble(state))
        ]
        return [*filter(None, [self.behind, self.unwritten]), *sources, *self.troubles]

    # --------------------------------------------------------------------------------------- at a glance

    def health(self) -> HealthView:
        return {
            "status": self.state,
            "version": self.version,
            "uptime_s": self.uptime_s,
            "last_pass_age_s": self.last_pass_age_s,
            "last_heartbeat_age_s": self.last_heartbeat_age_s,
            "problems": self.problems,
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
            "availability": self.availability,
            "availability_target": TARGET,
            "oldest_event": oldest,
            "newest_event": newest,
        }

    # ------------------------------------------------------------------------------------------ warnings

    @property
    def warnings(self) -> list[str]:
        broken = (
            f"plug-in {name} could not be loaded: {why}" for name, why in self._node.kinds.broken.items()
        )
        lost = self.rebuilt
        withheld = [WITHHELD.format(count=len(lost["withheld"]), **lost)] if lost is not None else []
        return [*broken, *withheld, *self._warnings.values()]

    @property
    def troubles(self) -> list[str]:
        """The warnings that the node is not well with."""
        bearable = {self._warnings[about] for about in self._bearable}
        return [warning for warning in self.warnings if warning not in bearable]

    @property
    def rebuilt(self) -> RebuiltView | None:
        """The loss of the store, until a person has confirmed that what nothing declares may go."""
        if not self._node.engine.rebuilt:
            return None
        told = self._node.notes["rebuilt"]
        return {
            "at": str(told["at"]),
            "reason": str(told["reason"]),
            "aside": str(told["aside"]),
            "withheld": [str(ref) for ref in self._node.engine.withheld()],
            "remedy": "holdfast reconcile --allow-prune",
        }

    async def warn(self, about: str, cause: str, remedy: str, *, bearable: bool = False) -> None:
        """Something does not work, and the node goes on; what is bearable leaves it well."""
        if self._warnings.get(about) != cause:
            data = {"about": about, "message": cause, "remedy": remedy}
            await self._node.store.commit(Event("node.warning", self._node.clock.now(), None, data))
            self._warnings[about] = cause
            (self._bearable.add if bearable else self._bearable.discard)(about)

    def settle(self, about: str) -> None:
        self._warnings.pop(about, None)
        self._bearable.discard(about)

    # ---------------------------------------------------------------------------------------- its end

    async def stop(self, by: Asker, *, services: bool) -> DaemonView:
        """End the node, and its services only if asked to."""
        if by.dry_run:
            also = "and its services" if services else "and its services go on"
            raise Rehearsed(present.of_nothing(f"the node would stop, {also}"))
        await self._tell_stop(by, services=services)
        self._node.ends_services = services
        self._node.stopping.set()
        return self.view()

    async def end_services(self, by: Asker, patience_s: float) -> None:
        """Those that an ended node has left running. After a TimeoutError they go on ending."""
        await self._tell_stop(by, services=True)
        async with asyncio.timeout(patience_s):  # from here on: they are to be asked in any case
            await self._node.drivers.processes.shutdown()

    async def _tell_stop(self, by: Asker, *, services: bool) -> None:
        event = by.event("node.stopping", self._node.clock.now(), {"services": services})
        await self._node.store.commit(event)


def trouble(state: SourceState) -> str:
    """Why what it says is not what is wished, in few words."""
    if state.error or state.held:
        return state.error or ("" if state.held in BY_A_PERSON else state.held)
    count = len(state.problems)
    return f"{count} error{'s' if count > 1 else ''} in its manifests" if count else ""


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - Path costs more than the read
        return int(file.read().split()[1]) * resource.getpagesize()
