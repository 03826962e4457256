"""The log of what has happened: live, from any point on, and as history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, QueryParameter, SkipValidation
from litestar.serialization import encode_json

from api.following import HEARTBEAT, HEARTBEAT_S, begin, event_id, filter_of, place, told
from api.identity import SWITCHES, needs_some
from api.pages import Limit, Stretch
from api.routes import AnyRequest, TheClosing, TheDesk
from api.stream import EVENTS, Stream, frame
from api.websocket.answer import Answer
from api.websocket.session import Enter
from api.websocket.upgrade import channel_of
from reconciler.ports.store import EventFilter, Following
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


TheEnter = NamedDependency[SkipValidation[Enter]]
TheFilter = NamedDependency[SkipValidation[EventFilter]]


def _filter(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    desk: TheDesk,
    names: Names = None,
    subject: Subject = "",
    kind: Kind = "",
    states: States = None,
    since: Since = None,
) -> EventFilter:
    return filter_of(
        desk, "/query", names=_listed(names), subject=subject, kind=kind, states=_listed(states), since=since
    )


FILTER = {"only": Provide(_filter, sync_to_thread=False)}


@get(
    "/api/v1/events/history",
    opt=needs_some("events:read"),
    dependencies=FILTER,
    summary="Events that are kept, the oldest first",
)
async def history(
    desk: TheDesk, only: TheFilter, cursor: Cursor = "", limit: Limit = 20
) -> Stretch[EventView]:
    """The cursor is an event id, as the stream's `Last-Event-ID` is.

    Who may hear of some resources alone gets less than a page at times, and a cursor to go on from.
    """
    found, following = await desk.events(event_id(cursor, "/query/cursor"), limit, only)
    more = None if following is None else str(following)
    return {"data": found, "cursor": cursor or None, "limit": limit, "next": more}


@get(
    "/api/v1/events",
    opt=needs_some("events:read"),
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
    resume = last_event_id if last_event_id is not None else after
    start = event_id(resume, "/header/Last-Event-ID") if resume is not None else None
    return Stream(EVENTS, frames(await begin(desk, start, only)), closing)


@get("/api/v1/ws", opt=needs_some("events:read") | SWITCHES, summary="Events as they happen (WebSocket)")
async def talk(request: AnyRequest, desk: TheDesk, closing: TheClosing, enter: TheEnter) -> Answer:
    """Messages both ways are JSON: `subscribe`, `unsubscribe` and `ping` from the client, frames to it.

    Who can send no header says with the first message, `authenticate`, who is asking.
    """
    return Answer(desk, closing, channel_of(request.scope), enter)


async def frames(following: Following, heartbeat_s: float = HEARTBEAT_S) -> AsyncIterator[bytes]:
    while (found := await following.more(heartbeat_s)) is not None:
        for event in found:
            yield frame(event.id, event.name, encode_json(event.data) if event.name == RESET else told(event))
        if not found:
            yield frame(following.position, HEARTBEAT, encode_json(place(following.position)))


def _listed(given: list[str] | None) -> tuple[str, ...]:
    """`a,b` and `a` `b` alike."""
    return tuple(part for text in given or () for part in text.split(",") if part)
