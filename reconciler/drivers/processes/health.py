"""Asks again and again whether processes do their work, and tells when the answer changes.

Rules: a process is asked only while it runs; each new process starts anew. One success makes it
healthy. Until then failures in the start period do not count, and it is asked quickly, because others
wait for it; afterwards `retries` failures in a row make it unhealthy. Time comes from the running loop
and the clock that is passed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.drivers.processes.probe import probe
from reconciler.ports.clock import Clock
from reconciler.ports.health import Check, CommandCheck, Health, HealthState, HttpCheck, TcpCheck
from reconciler.ports.processes import Process, ProcessState

FIRST_PAUSE_S = 0.1

Ask = Callable[[CommandCheck | HttpCheck | TcpCheck, Process, float], Awaitable[str]]


@dataclass(slots=True)
class _Watched:
    check: Check
    life: tuple[int, datetime]  # of the process that is asked
    health: Health = field(default_factory=Health)
    asking: asyncio.Task[None] | None = None


class Probes:
    def __init__(self, changed: Callable[[str], None], clock: Clock, ask: Ask = probe) -> None:
        self._changed = changed
        self._clock = clock
        self._ask = ask
        self._watched: dict[str, _Watched] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def health(self, id: str) -> Health | None:
        known = self._watched.get(id)
        return known.health if known else None

    def see(self, id: str, process: Process | None) -> None:
        """The process is as told now."""
        known = self._watched.get(id)
        alive = process is not None and process.state in (ProcessState.RUNNING, ProcessState.STOPPED)
        check = process.care.check if process and alive else None
        life = (process.pid, process.started_at) if process and alive else None
        if known and (known.check, known.life) == (check, life):
            return
        if known:
            self._end(self._watched.pop(id))
        if process is None or check is None or life is None:
            return
        fresh = self._watched[id] = _Watched(check, life)
        if known and known.life == life and known.check.by == check.by:
            fresh.health = known.health  # the same question, asked at another pace
        asking = self._go_on(id, fresh, process)
        fresh.asking = asyncio.get_running_loop().create_task(asking, context=Context())

    async def close(self) -> None:
        for known in self._watched.values():
            self._end(known)
        self._watched.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _end(self, known: _Watched) -> None:
        if known.asking:
            known.asking.cancel()
            self._ending.add(known.asking)
            known.asking.add_done_callback(self._ending.discard)
            known.asking = None

    async def _go_on(self, id: str, known: _Watched, process: Process) -> None:
        check, loop = known.check, asyncio.get_running_loop()
        age_s = (self._clock.now() - process.started_at).total_seconds()
        counts_from = loop.time() + check.start_period_s - age_s
        quick_s = FIRST_PAUSE_S
        while True:
            failure = await self._ask(check.by, process, check.timeout_s)
            early = known.health.state is HealthState.STARTING and loop.time() < counts_from
            before, known.health = known.health, after(known.health, failure, check, counts=not early)
            if (known.health.state, known.health.message) != (before.state, before.message):
                self._changed(id)  # also why it is not healthy yet: somebody is looking at the reason
            awaited = early and known.health.state is HealthState.STARTING
            await asyncio.sleep(min(quick_s, check.interval_s) if awaited else check.interval_s)
            quick_s *= 2


def after(health: Health, failure: str, check: Check, *, counts: bool) -> Health:
    """The health after one more look."""
    if not failure:
        return Health(HealthState.HEALTHY)
    failures = health.failures + counts
    state = HealthState.UNHEALTHY if failures >= check.retries else health.state
    return Health(state, failures, failure)
