"""What the connections of one listener share, whatever they speak: their number, and their limits."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate

from uvicorn.server import ServerState

from api.identity import Door

TURNED_AWAY = 64  # connections beyond all that there is room for which are told so; more are only closed


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may keep the node waiting for."""

    head_s: float = 10.0  # the whole head of a request
    body_s: float = 30.0  # the next piece of its body
    whole_body_s: float = 600.0  # all of it
    write_s: float = 60.0  # taking what is written to it
    idle_s: float = 30.0  # asking again
    linger_s: float = 5.0  # sending what has been refused already, so that it gets to read why


class Connections(ServerState):
    """What the connections of one listener share."""

    def __init__(self, door: Door, most: int, limits: Limits) -> None:
        super().__init__()
        self.door = door
        self.limits = limits
        self.most = most
        self.closing = False
        self._open = 0
        self._none = asyncio.Event()
        self._dated = 0.0

    @property
    def crowded(self) -> bool:
        """There are more than can be told that there is no room."""
        return self._open > self.most + TURNED_AWAY

    def begun(self) -> None:
        """One more, from its acceptance on: it may still be on its way to `connections`."""
        self._open += 1
        self._none.clear()

    def ended(self) -> None:
        self._open -= 1
        if not self._open:
            self._none.set()

    async def none_within(self, seconds: float) -> None:
        """Wait for the last one to end, but not longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._open:
                    await self._none.wait()

    def date(self) -> None:
        """Keep the `Date` header true to the second."""
        now = time.time()
        if now - self._dated >= 1:
            self._dated = float(int(now))
            self.default_headers = [(b"date", formatdate(now, usegmt=True).encode())]
