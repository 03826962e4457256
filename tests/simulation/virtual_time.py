"""An event loop without a wall clock: time jumps to the next timer, and a seed orders what is ready.

Rules: nothing may wait for the outside (no threads, no sockets), since nothing there moves this time;
a loop with nothing ready and no timer is a deadlock, and says so instead of hanging.
"""

from __future__ import annotations

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, TypeVar

R = TypeVar("R")

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Deadlock(Exception):
    """Everybody waits, and nobody will ever wake them."""


class _NoSelector:
    """Where a real loop would sleep until a socket or a timer is ready, time is moved on."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is ready, and no timer is set")
        self._loop.advance(timeout)
        return []


class _Numbered(asyncio.Task[Any]):
    """A task group keeps its tasks in a set, whose order must not come from where in memory they lie."""

    def __init__(self, number: int, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the standard one
        self._number = number
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(BaseEventLoop):
    def __init__(self, random: Random) -> None:
        super().__init__()
        numbers = count()
        self.set_task_factory(
            lambda loop, coro, **options: _Numbered(next(numbers), coro, loop=loop, **options)
        )
        self._random = random
        self._now = 0.0
        self._selector = _NoSelector(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += max(0.0, seconds)

    def _run_once(self) -> None:
        """Every order of what is ready at one moment is possible, so each seed takes another one."""
        ready = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            shuffled = list(ready)
            self._random.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class VirtualClock:
    """The clock port on such a loop; its wall clock jumps when it is told to."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return EPOCH + self.offset + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def simulate(main: Callable[[], Coroutine[Any, Any, R]], seed: int) -> R:
    """Run to the end in virtual time; the same seed runs the same way."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(Random(seed))) as runner:
        return runner.run(main())
