"""List, then watch: what is read says at which place in the log it is true.

Rules: the place is taken before anything is read, so that whatever the answer does not show yet comes after
it; what it shows already may come once more. A stream that goes on from there has no gap.
"""

from __future__ import annotations

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.runtime.desk import Desk

HEADER = b"last-event-id"
API = "/api/"


class AsOf:
    def __init__(self, inner: ASGIApp, desk: Desk) -> None:
        self._inner = inner
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET" or not scope["path"].startswith(API):
            await self._inner(scope, receive, send)
            return
        place = str(self._desk.as_of()).encode()

        async def passed(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:  # noqa: PLR2004 - where errors begin
                message["headers"] = [*message.get("headers", ()), (HEADER, place)]
            await send(message)

        await self._inner(scope, receive, passed)
