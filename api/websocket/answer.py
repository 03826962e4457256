"""The answer to who asked for a WebSocket: it is opened, and goes on until one of the two ends it."""

from __future__ import annotations

import logging

from litestar.types import Receive, Scope, Send

from api.stream import Closing
from api.websocket.session import CRASHED, Enter, Session
from api.websocket.upgrade import SWITCHING, Channel
from reconciler.runtime.desk import Desk

log = logging.getLogger(__name__)


class Answer:
    """The framework takes it as a response."""

    def __init__(self, desk: Desk, closing: Closing, channel: Channel, enter: Enter) -> None:
        self._desk = desk
        self._closing = closing
        self._channel = channel
        self._enter = enter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope["state"]["request_id"]
        await send({"type": "http.response.start", "status": SWITCHING, "headers": []})
        try:
            await Session(self._desk, self._closing, self._channel, request_id, self._enter).run()
        except* Exception as crash:
            log.exception("%s %s", request_id, scope["path"], exc_info=crash)
            await self._channel.send({"type": "websocket.close", "code": CRASHED, "reason": request_id})
