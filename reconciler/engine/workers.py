"""Who works when: refs that are due go to workers, one pass a ref at a time, many refs at once.

Rules: a pass that fails waits longer each time, by itself; one that has done something and is not there
yet goes on soon; every ref is looked at again after the resync, whatever was or was not heard of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from math import ceil
from random import Random

from reconciler.engine.judge import STALLS_AFTER
from reconciler.engine.passes import Passed
from reconciler.engine.queue import Backlog, Priority, Queue
from reconciler.engine.world import Tracer
from reconciler.errors import Problem
from reconciler.figures import Timing
from reconciler.model import Ref
from reconciler.ports.clock import Clock
from reconciler.records import dataclass

PASSES_IN_A_ROW = 8  # that a worker makes before it lets others have the loop


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard the engine works."""

    workers: int = 32
    resync_s: float = 60.0


STEADY = Pace()


class Workers:
    def __init__(
        self,
        clock: Clock,
        random: Random,
        pace: Pace,
        work: Callable[[Ref, int], Awaitable[Passed]],
        tracer: Tracer | None = None,
    ) -> None:
        self._clock = clock
        self._random = random
        self.pace = pace
        self._work = work
        self._tracer = tracer
        self.passes = Timing(
            "holdfast_reconcile_pass_duration_seconds", "Passes over one resource.", ("kind", "outcome")
        )
        self._queue = Queue(random)
        self._idle: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._listening: list[asyncio.Future[None]] = []  # who waits for quiet

    async def quiet(self) -> None:
        """Wait until nothing is left to do but to look again, and to try again what has failed often."""
        waiting = asyncio.get_running_loop().create_future()
        self._listening.append(waiting)
        self._kick()
        await waiting

    @property
    def idle(self) -> bool:
        return self._queue.is_idle(self._clock.monotonic())

    @property
    def backlog(self) -> Backlog:
        return self._queue.backlog(self._clock.monotonic())

    def wake(self, ref: Ref) -> None:
        """There is a reason to look; what fails goes on waiting."""
        if not self._queue.failures(ref):
            self._queue.add(ref, Priority.CHANGED, self._clock.monotonic())
            self._kick()

    def urge(self, ref: Ref) -> None:
        """There is a reason to begin the tries anew."""
        if self._tracer is not None:
            self._tracer.reason(ref)
        self._queue.forgive(ref)
        self.wake(ref)

    def urge_all(self, refs: Iterable[Ref]) -> None:
        for ref in refs:
            self.urge(ref)

    def leave(self, ref: Ref) -> None:
        """There is no reason to look before the resync: it has just been looked at, and all is well."""
        self._queue.forget(ref)
        self._schedule(ref, Passed())

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.pace.workers):
                group.create_task(self._one())

    async def _one(self) -> None:
        made = 0
        while True:
            ref = await self._next()
            passed = await self._pass(ref)
            self._schedule(ref, passed)
            made += 1
            if made % PASSES_IN_A_ROW == 0:
                await asyncio.sleep(0)

    async def _pass(self, ref: Ref) -> Passed:
        if self._tracer is not None:
            self._tracer.begin(ref)
        began = self._clock.monotonic()
        try:
            passed = await self._work(ref, self._queue.failures(ref))
        except Exception as error:  # noqa: BLE001 - the store's trouble, or our own: this ref waits
            passed = Passed(error=error)
        finally:
            self._queue.done(ref)
        took = self._clock.monotonic() - began
        self.passes.add(took, ref.kind, passed.outcome)
        if self._tracer is not None:
            goes_on = passed.error is not None or passed.unfinished
            self._tracer.end(ref, passed.outcome, took, goes_on=goes_on)
        return passed

    async def _next(self) -> Ref:
        while True:
            ref = self._queue.take(self._clock.monotonic())
            if ref is not None:
                self._kick()
                return ref
            while self._listening and self._queue.is_quiet(STALLS_AFTER):
                _answered(self._listening.pop())
            waiting = asyncio.get_running_loop().create_future()
            self._idle.append(waiting)
            self._set_timer()
            await waiting

    def _schedule(self, ref: Ref, passed: Passed) -> None:
        """When to look at it next, if nothing is heard of it."""
        if passed.gone:
            self._queue.forget(ref)
            return
        now = self._clock.monotonic()
        # On whole seconds: an idle node wakes once for all that have come due, not once for each.
        due = float(ceil(now + self.pace.resync_s * self._random.uniform(0.75, 1.25)))
        priority = Priority.RESYNC
        if passed.error is not None or passed.unfinished:
            delay = self._queue.failed(ref)
            if not isinstance(passed.error, Problem) or passed.error.retriable:
                due, priority = now + delay, Priority.RETRY
        else:
            self._queue.forgive(ref)
            if passed.again_s is not None:
                due, priority = min(due, now + passed.again_s), Priority.CHANGED
        self._queue.add(ref, priority, due)

    def _kick(self) -> None:
        """Let one idle worker look whether something is due."""
        while self._idle and not _answered(self._idle.pop()):
            pass

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._queue.next_due()
        if due is not None:
            delay = max(0.0, due - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._kick)


def _answered(waiting: asyncio.Future[None]) -> bool:
    """Wake whoever waits; false: it has given up."""
    if waiting.done():
        return False
    waiting.set_result(None)
    return True
