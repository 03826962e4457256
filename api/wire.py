"""uvicorn's HTTP protocol with what it leaves out: who is at the other end, and limits of time and size.

Rules: a client may keep the node waiting within `Limits` and no longer, and whoever trickles is cut off
as well; whatever is wrong with the bytes themselves is told as a problem document too. One timer a
connection, none while the node is at work on the request; and one that looks now and then whether somebody
has asked since, which is not set again for each request.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.connections import Connections
from api.errors import CONTENT_TYPE, Trouble, encoded
from api.identity import Door, peer_of
from api.one_piece import in_one_piece
from reconciler.within import fresh_request_id

HEAD_BYTES = 64 * 1024


class Wire(HttpToolsProtocol):
    def __init__(self, config: Config, shared: Connections) -> None:
        super().__init__(config, shared, {"door": shared.door})
        self._shared = shared
        self.made = False
        self._limits = shared.limits
        self._head_bytes = 0
        self._refused = False  # the last word is said: what still comes is not listened to
        self._body_ends = 0.0
        self._waits_for = ""
        self._timer: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._answered_at = 0.0
        shared.begun()

    # --------------------------------------------------------------------------------------- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.made = True
        if self._shared.door is Door.SOCKET:
            self.app_state = {**self.app_state, "peer": peer_of(transport.get_extra_info("socket"))}
        if self._shared.closing or self._shared.crowded:
            transport.abort()
        elif len(self.connections) > self._shared.most:
            self._refuse(Trouble("SERVICE_UNAVAILABLE", "too many connections", "try again in a moment"))
        else:
            self._watch()

    def never_made(self) -> None:
        """It has ended before it was one: in the midst of TLS' handshake."""
        self._shared.ended()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        for timer in (self._stuck, self._idle):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._shared.ended()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._shared.date()
        if self._awaits_head:
            self._head_bytes += len(data)
        super().data_received(data)
        self._watch(moved=True)

    def on_headers_complete(self) -> None:
        self._body_ends = self.loop.time() + self._limits.whole_body_s
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if cycle.scope["method"] != "HEAD":  # whose answer is a head alone
            app = in_one_piece(app, cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Without uvicorn's own, which begins a timer each time."""
        self._shared.total_requests += 1
        if self.transport.is_closing():
            return
        self._head_bytes = 0
        self._wait_no_more()
        self.flow.resume_reading()
        self._answered_at = self.loop.time()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._idle is None:
            self._look_again(self._limits.idle_s)
        if self.cycle.more_body:
            self._watch()

    # -------------------------------------------------------------------------------------------- WebSocket

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def handle_websocket_upgrade(self) -> None:
        """From here on another protocol has the connection, and counts as this one did."""
        from api.websocket.wire import WebSocketWire  # many a node is never asked for one

        if self._begun and not self.cycle.response_complete:
            self._refuse(Trouble("INVALID_REQUEST", "the answer to the request before has not ended"))
            return
        self._wait_no_more()
        self._refused = True
        self.ws_protocol_class = WebSocketWire
        super().handle_websocket_upgrade()

    # ------------------------------------------------------------------------------------------------- time

    @property
    def _begun(self) -> bool:
        """There was a request, at least its head."""
        return bool(self.cycle)

    @property
    def _awaits_head(self) -> bool:
        return not self._begun or (self.cycle.response_complete and not self.cycle.more_body)

    def _watch(self, *, moved: bool = False) -> None:
        """See to it that whom we wait for does not keep us waiting."""
        limits = self._limits
        if self._refused or self.transport.is_closing():
            return
        if self._awaits_head:
            if self._head_bytes > HEAD_BYTES:
                self._refuse(
                    Trouble("HEADERS_TOO_LARGE", f"the head of a request may have {HEAD_BYTES} bytes")
                )
            else:
                self._wait("the head of the request did not come", limits.head_s)
            return
        self._head_bytes = 0
        if not self.cycle.more_body:
            self._wait_no_more()
        elif self.cycle.response_complete:
            self._wait("the rest of what was refused", limits.linger_s)
        else:
            left = self._body_ends - self.loop.time()
            self._wait("the body of the request did not come", min(limits.body_s, max(0.0, left)), anew=moved)

    def _wait(self, what: str, seconds: float, *, anew: bool = False) -> None:
        if what != self._waits_for or anew:
            self._wait_no_more()
            self._waits_for = what
            self._timer = self.loop.call_later(seconds, self._late, f"{what} within {seconds:g} s")

    def _wait_no_more(self) -> None:
        self._waits_for = ""
        if self._timer is not None:
            self._timer.cancel()

    def _look_again(self, seconds: float) -> None:
        self._idle = self.loop.call_later(seconds, self._end_if_idle)

    def _end_if_idle(self) -> None:
        self._idle = None
        if self._refused or self._waits_for or not self._awaits_head:
            return  # somebody else sees to it, or the next answer does
        left = self._answered_at + self._limits.idle_s - self.loop.time()
        if left > 0:
            self._look_again(left)
        else:
            self.transport.close()

    def _late(self, told: str) -> None:
        if self._refused or (self._begun and self.cycle.response_started and self.cycle.more_body):
            self.transport.close()
        else:
            self._refuse(Trouble("REQUEST_TIMEOUT", told, "send requests whole, without pauses"))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(self._limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()

    # ------------------------------------------------------------------------------------------ not HTTP

    def send_400_response(self, msg: str) -> None:
        self._refuse(Trouble("INVALID_REQUEST", "this is no valid HTTP request"))

    def _refuse(self, told: Trouble) -> None:
        """Answer past the application, and close as soon as the other side has had a chance to read why."""
        self._shared.date()
        self._refused = True
        if self._begun:  # whoever is at work on it has nobody to answer any more
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        request_id = fresh_request_id()
        body = encoded(told, "", request_id)
        headers = [
            *self._shared.default_headers,
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[told.status] + lines + b"\r\n" + body)
        if self.transport.can_write_eof():  # TLS cannot
            with suppress(OSError):  # it may be gone already
                self.transport.write_eof()  # closing at once would take back what is not read yet
        self.flow.resume_reading()
        self._wait("the client did not close", self._limits.linger_s)


def config_of(app: Any) -> Config:  # noqa: ANN401 - ASGI, as uvicorn itself types it
    """What uvicorn is to do: nothing but HTTP, no logging of its own, no trust in forwarded headers."""
    config = Config(
        app,
        http=HttpToolsProtocol,
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        ws_per_message_deflate=False,  # four times the memory of a client
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return config
