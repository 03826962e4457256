"""The head of an answer and its body written at once: each write is a call to the kernel.

Rules: only what is whole goes this way, a head that says how long its body is, and then all of that body; who
has both hands them over together. What goes on, ends its connection, or is odd in any way goes uvicorn's own,
which also says what is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import chain
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

LENGTH = b"content-length"
TEXT = bytes([ord("\t"), *range(0x20, 0x7F), *range(0x80, 0x100)])  # what a line may hold


def in_one_piece(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """The same, with another `send`."""

    def answer(scope: Any, receive: Any, _: object) -> Awaitable[None]:  # noqa: ANN401 - ASGI's own
        return app(scope, receive, OnePiece(cycle))

    return answer


class OnePiece:
    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._head: Any = None  # until its body comes

    async def __call__(self, message: Any) -> None:  # noqa: ANN401 - ASGI's message
        head, self._head = self._head, None
        if message["type"] == "http.response.start" and any(name == LENGTH for name, _ in message["headers"]):
            self._head = message
        elif head is None:
            await self._cycle.send(message)
        else:
            await self.together(head, message)

    async def together(self, head: Any, body: Any) -> None:  # noqa: ANN401 - the same
        if not self._written(head, body):
            await self._cycle.send(head)
            await self._cycle.send(body)

    def _written(self, head: Any, body: Any) -> bool:  # noqa: ANN401 - the same
        cycle, headers = self._cycle, dict(head["headers"])
        if (
            body.get("more_body")
            or headers.get(LENGTH) != b"%d" % len(body["body"])
            or b"connection" in headers
            or not cycle.keep_alive
            or cycle.disconnected
            or cycle.flow.write_paused
        ):
            return False
        said = (*cycle.default_headers, *head["headers"])
        lines = b"%b: %b\r\n" * len(said) % tuple(chain.from_iterable(said))
        told = b"%b%b\r\n" % (STATUS_LINE[head["status"]], lines)
        if told.translate(None, TEXT) != b"\r\n" * (len(said) + 2):
            return False  # some value would pass for a line of its own
        cycle.transport.write(told + body["body"])
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True
