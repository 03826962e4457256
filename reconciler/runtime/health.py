"""The node's health, part by part: what each depends on, how fast it answers, and what is wrong with it.

Rules: each part is really asked, and none for longer than `PATIENCE_S`; a part that is not well names the
cause; a change of the whole is an event, so that who was not looking learns of it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from reconciler.errors import Problem
from reconciler.model import Event, source_ref
from reconciler.runtime.daemon import Daemon, trouble
from reconciler.runtime.parts import Parts

if TYPE_CHECKING:
    from reconciler.views import FullHealthView, PartHealthView

PATIENCE_S = 5.0
SLOW_MS = 1000.0  # a part that takes longer to answer is not well
MORE_WATCHES = (
    "raise the kernel's limits: sysctl fs.inotify.max_user_instances and fs.inotify.max_user_watches"
)
WELL, UNWELL, DEAD = "ok", "degraded", "failed"


class Health:
    def __init__(self, node: Parts, daemon: Daemon) -> None:
        self._node = node
        self._daemon = daemon
        self._told = "running"
        self._deaf: dict[str, str] = {}

    async def notice(self) -> None:
        """Write down that the node does better, or worse, than it did, and what it is told of no more."""
        now, state, events = self._node.clock.now(), self._daemon.state, []
        deaf = {one.config.name: one.deaf for one in self._node.sources.states() if one.deaf}
        for name, why in deaf.items():
            if name not in self._deaf:
                about = {"source": name, "message": why, "remedy": MORE_WATCHES}
                events.append(Event("guardrail.config_watcher", now, source_ref(name), about))
        if state != self._told:
            told = {"from": self._told, "state": state, "problems": list(self._daemon.problems)}
            events.append(Event("health.changed", now, None, told))
        if events:
            await self._node.store.commit(*events)
        self._told, self._deaf = state, deaf

    async def full(self) -> FullHealthView:
        store, keeper = await asyncio.gather(
            _asked(self._node.store.event_ids()), _asked(self._node.drivers.processes.fresh())
        )
        parts = {"engine": self._engine(), "store": self._store(store), "keeper": keeper}
        parts |= dict(self._sources())
        parts["node"] = _part("; ".join(self._daemon.troubles))
        whole = self._daemon.health()
        if whole["status"] == "running" and any(part["status"] != WELL for part in parts.values()):
            whole["status"] = UNWELL
        return {**whole, "parts": parts, "revisions": self._revisions()}

    def _engine(self) -> PartHealthView:
        backlog = self._node.engine.backlog
        found = _part(self._daemon.behind, backlog.oldest_s * 1000)
        if self._daemon.stalls:
            found["status"] = DEAD
        return found

    def _store(self, answered: PartHealthView) -> PartHealthView:
        unwritten = self._daemon.unwritten
        return {**answered, "status": UNWELL, "message": unwritten} if unwritten else answered

    def _sources(self) -> Iterator[tuple[str, PartHealthView]]:
        for state in self._node.sources.states():
            yield f"source/{state.config.name}", _part(trouble(state) or state.deaf)

    def _revisions(self) -> dict[str, str]:
        return {state.config.name: state.revision for state in self._node.sources.states()}


async def _asked(question: Awaitable[object]) -> PartHealthView:
    began, wrong = perf_counter(), ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await question
    except Problem as problem:
        wrong = problem.message
    except TimeoutError:
        wrong = f"no answer within {PATIENCE_S:g} s"
    took_ms = (perf_counter() - began) * 1000
    return _part(wrong or (f"slow: {took_ms:.0f} ms" if took_ms > SLOW_MS else ""), took_ms)


def _part(wrong: str, latency_ms: float | None = None) -> PartHealthView:
    latency = None if latency_ms is None else round(latency_ms, 3)
    return {"status": UNWELL if wrong else WELL, "latency_ms": latency, "message": wrong}
