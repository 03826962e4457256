"""What goes wrong at a port: it is slow, it fails before or after the effect, it is down for minutes.

Rules: every port of the simulated world passes through `Faults.before` and `Faults.after`; once `cease`
was called nothing fails any more, so whatever does not converge then is the engine's own fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from reconciler.errors import Failed, Refused, TimedOut, Unavailable

ERRORS: tuple[Callable[[str], Exception], ...] = (
    Unavailable,
    TimedOut,
    Failed,
    Refused,  # not worth retrying by its type, and yet it passes
    OSError,
    RuntimeError,  # a kind's own bug
)


class Faults:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._down: dict[str, float] = {}
        self._rate = random.choice((0.0, 0.02, 0.1, 0.3))
        self._slow = random.choice((0.0, 0.3, 0.9))

    def take_down(self, port: str, seconds: float) -> None:
        """It fails at every call until then."""
        self._down[port] = asyncio.get_running_loop().time() + seconds

    def cease(self) -> None:
        self._down.clear()
        self._rate = 0.0

    async def before(self, port: str) -> None:
        """Raises where the effect has not taken place."""
        await self._linger()
        if self._down.get(port, 0.0) > asyncio.get_running_loop().time():
            raise Unavailable(f"{port} is down")
        self._maybe(port)

    async def after(self, port: str) -> None:
        """Raises where the effect has taken place, and nobody was told."""
        await self._linger()
        self._maybe(port)

    def _maybe(self, port: str) -> None:
        if self._random.random() < self._rate / 2:
            raise self._random.choice(ERRORS)(f"{port}: a planted fault")

    async def _linger(self) -> None:
        if self._random.random() < self._slow:
            await asyncio.sleep(self._random.expovariate(10.0))
