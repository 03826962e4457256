"""What a service prints, as lines of JSON or as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation
from litestar.serialization import encode_json

from api.identity import EACH, PRIVATE
from api.routes import AnyRequest, TheClosing, TheDesk, TheRef
from api.stream import LINES, SSE, Stream
from api.versions import EVENTS
from reconciler.views import LogLineView

Tail = Annotated[
    int | None, QueryParameter(ge=0, le=1_000_000, description="Only the last lines; if not said, all.")
]
Follow = Annotated[bool, QueryParameter(description="Go on with what is printed from now on.")]
Since = Annotated[datetime | None, QueryParameter(description="Only lines from this time on, in ISO 8601.")]
AT_ONCE_S = 0.5


class Asked(NamedTuple):
    """Which of its lines."""

    tail: int | None
    follow: bool
    since: datetime | None


TheAsked = NamedDependency[SkipValidation[Asked]]


def _asked(*, tail: Tail = None, follow: Follow = False, since: Since = None) -> Asked:
    return Asked(tail, follow, since.replace(tzinfo=since.tzinfo or UTC) if since else None)


@get(
    "/api/v1/resources/{kind:str}/{namespace:str}/{name:str}/logs",
    opt=EACH | PRIVATE,
    dependencies={"asked": Provide(_asked, sync_to_thread=False)},
    media_type="application/x-ndjson",
    summary="What a service prints",
)
async def logs(
    request: AnyRequest, desk: TheDesk, closing: TheClosing, ref: TheRef, asked: TheAsked
) -> Stream:
    """Lines of JSON, or server-sent events for who accepts `text/event-stream`. Only the socket serves it."""
    lines = await _begun(desk.logs(ref, tail=asked.tail, follow=asked.follow, since=asked.since))
    if request.scope["state"]["media_type"] == EVENTS:
        return Stream(SSE, _written(lines, b"data: %s\n\n"), closing)
    return Stream(LINES, _written(lines, b"%s\n"), closing)


async def _begun(lines: AsyncIterator[LogLineView]) -> AsyncIterator[LogLineView]:
    """The same lines; what is wrong from the start is raised now, while it can still be told as an error."""
    first = asyncio.ensure_future(anext(lines, None))
    await asyncio.wait({first}, timeout=AT_ONCE_S)
    if first.done():
        first.result()

    async def told() -> AsyncIterator[LogLineView]:
        line = await first
        while line is not None:
            yield line
            line = await anext(lines, None)

    return told()


async def _written(lines: AsyncIterator[LogLineView], form: bytes) -> AsyncIterator[bytes]:
    async for line in lines:
        yield form % encode_json(line)
