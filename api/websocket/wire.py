"""uvicorn's WebSocket protocol with what it leaves out: limits, problem documents, an end in order.

Rules: it takes the place of a `Wire` on the same connection, and counts as that one did; a client that does
not take what is written to it is cut off; when the node stops, the application says goodbye, not the wire.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.server import ServerProtocol

from api.connections import Connections
from api.errors import CODE, CONTENT_TYPE, Trouble, encoded
from reconciler.within import fresh_request_id

LARGEST_MESSAGE = 64 * 1024
FRAME, LAST = "holdfast.frame", "holdfast.last"  # beside ASGI's own messages
ECHO_S = 0.5  # how long the other side may take to confirm the end

log = logging.getLogger(__name__)


class WebSocketWire(WebSocketsSansIOProtocol):
    def __init__(self, config: Config, server_state: Connections, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self._shared = server_state
        self._stuck: asyncio.TimerHandle | None = None
        self.close_timeout = ECHO_S
        self.conn = _Server(max_size=LARGEST_MESSAGE, logger=log)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
        super().connection_lost(exc)
        self._shared.ended()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(self._shared.limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - ASGI's, or a frame
        """A frame that is ready is written as it is: a thousand clients share it.

        The last text goes out together with the close that follows: thousands of them are one write each.
        """
        if message["type"] == LAST:
            try:
                self.conn.send_text(message["text"])
            except InvalidState as error:  # the other side has said goodbye first
                raise ClientDisconnected from error
            return
        if message["type"] != FRAME:
            await super().send(message)
            return
        if not self.writable.is_set():
            await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        if not self.close_sent:
            self.transport.write(message["frame"])

    def shutdown(self) -> None:
        """Whoever is at work on it has been told, and closes it with a word."""


def framed(text: bytes) -> bytes:
    """A whole text message, as a server sends it."""
    return Frame(Opcode.TEXT, text).serialize(mask=False)


class _Server(ServerProtocol):
    def reject(self, status: HTTPStatus | int, text: str) -> Response:
        """What is no handshake."""
        request_id = fresh_request_id()
        told = Trouble(CODE.get(int(status), "INVALID_REQUEST"), text.strip())
        body = encoded(told, "", request_id)
        headers = Headers(
            {
                "Content-Type": CONTENT_TYPE,
                "Content-Length": str(len(body)),
                "X-Request-ID": request_id,
                "Connection": "close",
            }
        )
        return Response(told.status, HTTPStatus(told.status).phrase, headers, body)
