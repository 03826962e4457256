"""Readers of the log: which events one asks for, where it begins, and what it is told.

Rules: what a stream says of itself is named `stream.…` and stands in no log; each of them that bears an id
names a place to go on from, so that a reader need only keep the last id that it has seen. JSON of an event
is made once for all who read it at about the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from litestar.serialization import encode_json

from api.errors import Fault, Wrong, read_at
from reconciler.model import Event
from reconciler.ports.store import EventFilter, Following
from reconciler.runtime import present
from reconciler.runtime.desk import Desk

HEARTBEAT = "stream.heartbeat"
END = "stream.end"

HEARTBEAT_S = 15.0
AT_ONCE = 64  # that are kept


def filter_of(  # noqa: PLR0913 - what may be asked for
    desk: Desk,
    place: str,
    *,
    names: Sequence[str] = (),
    subject: str = "",
    kind: str = "",
    states: Sequence[str] = (),
    since: datetime | None = None,
) -> EventFilter:
    """`place` is where in the request all this stands."""
    return EventFilter(
        tuple(names),
        read_at(f"{place}/subject", desk.ref, subject) if subject else None,
        read_at(f"{place}/kind", desk.kind, kind) if kind else "",
        since.replace(tzinfo=since.tzinfo or UTC) if since else None,
        tuple(states),
    )


def event_id(text: str, pointer: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 - what SQLite can number
        raise Wrong(Fault(pointer, pointer.rpartition("/")[2], "is no event id", "give the `id` of an event"))
    return int(text)


async def begin(desk: Desk, after: int | None, only: EventFilter) -> Following:
    """Without a place to go on from only what is new; `since` begins with what is kept from then on."""
    if after is None:
        after = 0 if only.since else (await desk.event_ids())[1]
    return desk.follow(after, only)


class Made:
    """What is made of events for a reader, the newest kept: a thousand ask for the same within a moment."""

    def __init__(self, make: Callable[[Event, str], bytes]) -> None:
        self._make = make
        self._kept: dict[tuple[int, str], tuple[Event, bytes]] = {}

    def __call__(self, event: Event, reader: str = "") -> bytes:
        key = id(event), reader  # nobody else has this identity for as long as it is kept
        known = self._kept.get(key)
        if known is not None:
            return known[1]
        if len(self._kept) >= AT_ONCE:
            del self._kept[next(iter(self._kept))]
        made = self._make(event, reader)
        self._kept[key] = event, made
        return made


told = Made(lambda event, _: encode_json(present.of_event(event)))


def place(id: int) -> Mapping[str, Any]:
    """What a heartbeat tells: up to here there is nothing more."""
    return {"last_event_id": id}
