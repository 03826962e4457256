"""A reader of the log that hears only what it may.

Rules: its place moves over what is not for it, so that it never comes back to that; what a stream says of
itself is for everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from reconciler.model import Event
from reconciler.ports.store import Following
from reconciler.store.tail import RESET


class Hearing:
    def __init__(self, following: Following, may: Callable[[Event], bool]) -> None:
        self._following = following
        self._may = may

    @property
    def position(self) -> int:
        return self._following.position

    async def more(self, within_s: float | None = None) -> Sequence[Event] | None:
        now = asyncio.get_running_loop().time
        ends = None if within_s is None else now() + within_s
        while True:
            found = await self._following.more(None if ends is None else max(0.0, ends - now()))
            if not found:
                return found
            if heard := [event for event in found if event.name == RESET or self._may(event)]:
                return heard

    async def __aiter__(self) -> AsyncGenerator[Event, None]:
        while (found := await self.more()) is not None:
            for event in found:
                yield event
