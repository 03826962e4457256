"""An answer whose head waits for its body: who changes the one by the other needs both.

Rules: a layer says which heads wait, and sends both itself; what follows, and all else, passes as it comes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar.types import Message, Send

Waits = Callable[[Message], bool]
Tell = Callable[[Message, Message], Awaitable[None]]


class Held:
    """What such a layer gives on as `send`."""

    def __init__(self, send: Send, waits: Waits, tell: Tell) -> None:
        self._send = send
        self._waits = waits
        self._tell = tell
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._waits(message):
            self._head = message
        elif self._head is not None and message["type"] == "http.response.body":
            head, self._head = self._head, None
            await self._tell(head, message)
        else:
            await self._send(message)
