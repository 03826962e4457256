"""What a stream says of itself: the shapes of its notices, which stand in no log."""

from __future__ import annotations

from typing import Any, TypedDict

from reconciler.views import EventView


class Place(TypedDict):
    """Nothing was wanted up to here: a bookmark, and a sign of life."""

    last_event_id: int  # where to go on from


class Lost(TypedDict):
    """What was to follow is kept no more, or is of another log: list anew what you want to know."""

    last_event_id: int  # what was asked for
    oldest: int  # the first event that is kept
    newest: int  # the last event


class End(TypedDict):
    """The stream ends."""

    reason: str  # why


class Echo(TypedDict):
    """The answer to a ping."""

    data: Any  # what came with it


class Nothing(TypedDict):
    """There is no more to say."""


class Told(EventView):
    """An event, told to a subscription."""

    subscription: str  # the one that asked for it


class Notice(TypedDict):
    """What a connection says of itself, or of one of its subscriptions."""

    subscription: str | None  # null: of the connection
    id: int | None  # the place of that subscription to go on from
    timestamp: str  # when it was said
    event: str  # `stream.…`
    subject: None  # it is about no resource
    data: dict[str, Any]  # the rest
