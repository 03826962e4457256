"""The log of what has happened: live, from any point on, and as history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, QueryParameter, SkipValidation
from litestar.serialization import encode_json

from api.errors import Fault, Wrong
from api.pages import Limit, Stretch
from api.routes import TheClosing, TheDesk
from api.stream import SSE, Stream
from reconciler.ports.store import EventFilter
from reconciler.store.tail import RESET
from reconciler.views import EventView

Names = Annotated[
    list[str] | None,
    QueryParameter(
        name="type", description="Only events of this name; `reconcile.*` takes all that begin so."
    ),
]
Subject = Annotated[str, QueryParameter(description="Only events about this resource: `kind/name`.")]
Kind = Annotated[str, QueryParameter(description="Only events about resources of this kind.")]
States = Annotated[
    list[str] | None, QueryParameter(name="state", description="Only events whose `data.state` is this.")
]
Since = Annotated[datetime | None, QueryParameter(description="Only events from this time on, in ISO 8601.")]
Cursor = Annotated[str, QueryParameter(description="What follows this event id; empty: from the oldest on.")]
After = Annotated[
    str | None, QueryParameter(name="last_event_id", description="As the header, for who cannot set one.")
]
FromHeader = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="Go on after this event.")
]


TheFilter = NamedDependency[SkipValidation[EventFilter]]


def _filter(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    desk: TheDesk,
    names: Names = None,
    subject: Subject = "",
    kind: Kind = "",
    states: States = None,
    since: Since = None,
) -> EventFilter:
    return EventFilter(
        _listed(names),
        desk.ref(subject) if subject else None,
        desk.kind(kind) if kind else "",
        since.replace(tzinfo=since.tzinfo or UTC) if since else None,
        _listed(states),
    )


FILTER = {"only": Provide(_filter, sync_to_thread=False)}


@get("/api/v1/events/history", dependencies=FILTER, summary="Events that are kept, the oldest first")
async def history(
    desk: TheDesk, only: TheFilter, cursor: Cursor = "", limit: Limit = 20
) -> Stretch[EventView]:
    """The cursor is an event id, as the stream's `Last-Event-ID` is."""
    found = await desk.events(_id(cursor, "/query/cursor"), limit, only)
    following = str(found[-1]["id"]) if len(found) == limit else None
    return {"data": found, "cursor": cursor or None, "limit": limit, "next": following}


@get(
    "/api/v1/events",
    dependencies=FILTER,
    media_type="text/event-stream",
    summary="Events as they happen (server-sent events)",
)
async def live(
    desk: TheDesk,
    closing: TheClosing,
    only: TheFilter,
    after: After = None,
    last_event_id: FromHeader = None,
) -> Stream:
    """Without a place to go on from only what is new; `since` begins with what is kept from then on."""
    oldest, newest = await desk.event_ids()
    resume = last_event_id if last_event_id is not None else after
    if resume is None:
        return Stream(SSE, _frames(desk, 0 if only.since else newest, only), closing)
    start = _id(resume, "/header/Last-Event-ID")
    if not start or oldest - 1 <= start <= newest:  # who has seen nothing yet has missed nothing
        return Stream(SSE, _frames(desk, start, only), closing)
    return Stream(SSE, _frames(desk, max(0, oldest - 1), only, lost=(start, oldest, newest)), closing)


async def _frames(
    desk: TheDesk, after: int, only: EventFilter, lost: tuple[int, int, int] | None = None
) -> AsyncIterator[bytes]:
    if lost is not None:
        yield _reset(after, lost)
    async for event in desk.follow(after, only):
        name, told = event["event"], event["data"] if event["event"] == RESET else event
        yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event["id"], name.encode(), encode_json(told))


def _reset(after: int, lost: tuple[int, int, int]) -> bytes:
    """What the reader has seen last is kept no more: it must read anew what it wants to know."""
    asked, oldest, newest = lost
    told = {"last_event_id": asked, "oldest": oldest, "newest": newest}
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (after, RESET.encode(), encode_json(told))


def _listed(given: list[str] | None) -> tuple[str, ...]:
    """`a,b` and `a` `b` alike."""
    return tuple(part for text in given or () for part in text.split(",") if part)


def _id(text: str, pointer: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 - what SQLite can number
        raise Wrong(Fault(pointer, pointer.rpartition("/")[2], "is no event id", "give the `id` of an event"))
    return int(text)
