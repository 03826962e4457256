"""For how long a stream goes on for who has opened it: until the node stops, or their key counts no more.

Rules: a key that is revoked, disabled, rotated out, has ended or got other permissions takes its streams with
it within `LOOK_S`, and so does a token that has ended, or its session; nothing is looked at while nobody who
came with a credential has a stream open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from api.stream import Closing
from reconciler.runtime.keyring import Holder

LOOK_S = 0.2
OVER = "the API key counts no more"
ENDED = "the token counts no more"


class Leases:
    def __init__(self, closing: Closing, counts: Callable[[Holder], bool]) -> None:
        self._closing = closing
        self._counts = counts
        self._open: WeakKeyDictionary[Closing, Holder] = WeakKeyDictionary()
        self._watching: asyncio.Task[None] | None = None

    def lease(self, holder: Holder | None) -> Closing:
        """What tells a stream to end."""
        if holder is None:
            return self._closing
        one = self._closing.another()
        self._open[one] = holder
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return one

    async def _watch(self) -> None:
        while self._open and not await self._closing.within(LOOK_S):
            for one, holder in list(self._open.items()):
                if not self._counts(holder):
                    one.tell(ENDED if holder.session else OVER)
                    del self._open[one]
