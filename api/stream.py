"""Answers that go on: events and logs as they come, to any number of readers at once.

Rules: a reader has a position and no queue, so that a slow one costs nothing; something is sent at least
every `HEARTBEAT_S`, so that either side notices when the other is gone; when the node stops, each stream
says so and ends; when the reader goes away, all that was done for it ends at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakSet

from litestar.types import Receive, Scope, Send

HEARTBEAT_S = 15.0


STOPS = "the node stops"


class Closing:
    """Told once: every stream that goes by it is to end."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._others: WeakSet[Closing] = WeakSet()
        self.reason = ""

    def tell(self, reason: str = STOPS) -> None:
        self.reason = self.reason or reason
        self._told.set()
        for other in self._others:
            other.tell(reason)

    def another(self) -> Closing:
        """One that is told of this one's end, and may be told before."""
        other = Closing()
        if self._told.is_set():
            other.tell(self.reason)
        self._others.add(other)
        return other

    @property
    def told(self) -> bool:
        return self._told.is_set()

    async def wait(self) -> None:
        await self._told.wait()

    async def within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        return self.told


@dataclass(frozen=True, slots=True)
class Form:
    """How a stream is written."""

    media_type: bytes
    beginning: bytes
    heartbeat: bytes  # empty: the pieces themselves have them
    goodbye: bytes
    heartbeat_s: float = HEARTBEAT_S


def frame(id: int, name: str, data: bytes) -> bytes:
    """A server-sent event that names a place to go on from."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (id, name.encode(), data)


RETRY = b"retry: 2000\n\n"
MEDIA_TYPE = b"text/event-stream; charset=utf-8"
GOODBYE = b'event: stream.end\ndata: {"reason":"%(reason)b"}\n\n'

EVENTS = Form(MEDIA_TYPE, RETRY, b"", GOODBYE)
"""The log: it knows itself when it has been silent for long, and how far it has come."""
SSE = Form(MEDIA_TYPE, RETRY, b"event: stream.heartbeat\ndata: {}\n\n", GOODBYE)
LINES = Form(b"application/x-ndjson; charset=utf-8", b"", b"\n", b"")


class Stream:
    """One answer that goes on; the framework takes it as a response."""

    def __init__(self, form: Form, pieces: AsyncIterator[bytes], closing: Closing) -> None:
        self._form = form
        self._pieces = pieces
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", self._form.media_type), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await _body(send, self._form.beginning)
        work = [
            asyncio.ensure_future(self._tell(send)),
            asyncio.ensure_future(self._beat(send)),
            asyncio.ensure_future(_gone(receive)),
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        for task in done:
            task.result()
        await send({"type": "http.response.body", "body": self._last_words(), "more_body": False})

    def _last_words(self) -> bytes:
        """Said when nobody else says anything any more, so that they are the last."""
        return self._form.goodbye % {b"reason": self._closing.reason.encode()} if self._closing.told else b""

    async def _tell(self, send: Send) -> None:
        async for piece in self._pieces:
            await _body(send, piece)

    async def _beat(self, send: Send) -> None:
        while not await self._closing.within(self._form.heartbeat_s):
            if self._form.heartbeat:
                await _body(send, self._form.heartbeat)


async def _body(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _gone(receive: Receive) -> None:
    """The reader goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
