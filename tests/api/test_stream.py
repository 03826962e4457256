"""An answer that goes on: what is said last when it is to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.stream import SSE, Closing, Stream


async def busy(closing: Closing) -> AsyncIterator[bytes]:
    """Has much to tell in the moment of the end."""
    await closing.wait()
    for number in range(9):
        yield b"event: late\ndata: %d\n\n" % number
        await asyncio.sleep(0)  # only lets the others have their turn


@pytest.mark.req("DMN-09")
async def test_the_farewell_comes_last_whatever_else_is_told_at_that_moment() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - whatever the stream says
        sent.append(message)
        if message.get("body") == SSE.beginning:
            closing.tell("the node stops")

    async def receive() -> Any:  # noqa: ANN401 - the reader stays
        await asyncio.Event().wait()

    closing = Closing()
    await Stream(SSE, busy(closing), closing)({}, receive, send)  # type: ignore[arg-type]

    assert sent[-1]["body"] == b'event: stream.end\ndata: {"reason":"the node stops"}\n\n'
    assert not sent[-1]["more_body"]
    assert sum(b"stream.end" in message.get("body", b"") for message in sent) == 1
