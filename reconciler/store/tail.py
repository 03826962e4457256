"""The live end of the event log: the newest events in memory, and a bell for those who wait.

Rules: a reader has nothing but its position, so a slow one costs nothing and loses nothing: whoever has
fallen behind what is in memory reads the table until it has caught up. Nothing is ever queued for a reader.
Whoever has fallen behind what is kept at all is told so, by an event that stands in no log.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from itertools import takewhile
from typing import NamedTuple, Protocol

from reconciler.model import Event
from reconciler.ports.store import EventFilter

ALL = EventFilter()
IN_MEMORY = 1024
A_PAGE = 256
RESET = "stream.reset"


class Page(NamedTuple):
    """Some events of the log, and how far the log was searched for them."""

    events: tuple[Event, ...]
    upto: int
    oldest: int  # the first that is kept at all; of an empty log the next to come
    newest: int


class ReadPage(Protocol):
    def __call__(self, after: int, limit: int, only: EventFilter) -> Awaitable[Page]: ...


class Tail:
    def __init__(self, read: ReadPage, newest: int) -> None:
        self._read = read
        self._recent: deque[Event] = deque(maxlen=IN_MEMORY)
        self._complete_after = newest  # every event with a greater id is in memory
        self._bell = asyncio.Event()
        self._closed = False
        self._newest = newest
        self._positions: dict[object, int] = {}  # of who follows

    def publish(self, events: Iterable[Event]) -> None:
        """Show what was committed, in the order of the ids."""
        for event in events:
            if len(self._recent) == IN_MEMORY:
                self._complete_after = self._recent[0].id
            self._recent.append(event)
            self._newest = event.id
        self._ring()

    def close(self) -> None:
        """Let every reader come to its end."""
        self._closed = True
        self._ring()

    def lags(self) -> list[int]:
        """How many events each reader is behind."""
        return [max(0, self._newest - position) for position in self._positions.values()]

    async def follow(self, after: int, only: EventFilter) -> AsyncGenerator[Event, None]:
        wanted = matcher(only)
        reader, position = object(), after
        try:
            while True:
                self._positions[reader] = position
                if position < self._complete_after:
                    page = await self._read(position, A_PAGE, only)
                    if 0 < position < page.oldest - 1:
                        yield self._missed(position, page)
                    position = page.upto
                    for event in page.events:
                        self._positions[reader] = event.id
                        yield event
                elif fresh := self._newer(position):
                    position = fresh[-1].id
                    for event in fresh:
                        if wanted(event):
                            self._positions[reader] = event.id
                            yield event
                elif self._closed:
                    return
                else:
                    await self._bell.wait()
        finally:
            del self._positions[reader]

    def _missed(self, position: int, page: Page) -> Event:
        """From here on all is there again; its id is a place to go on from."""
        near = next(iter((*page.events, *self._recent)), Event("", datetime.fromtimestamp(0, UTC)))
        data = {"last_event_id": position, "oldest": page.oldest, "newest": page.newest}
        return Event(RESET, near.at, data=data, id=page.oldest - 1)

    def _newer(self, position: int) -> list[Event]:
        found = list(takewhile(lambda event: event.id > position, reversed(self._recent)))
        found.reverse()
        return found

    def _ring(self) -> None:
        self._bell.set()
        self._bell.clear()


def matcher(only: EventFilter) -> Callable[[Event], bool]:
    """Whether an event is one of those that a filter asks for."""
    exact = frozenset(only.names)
    prefixes = tuple(name[:-1] for name in only.names if name.endswith("*"))

    def wanted(event: Event) -> bool:
        return (
            (not exact or event.name in exact or event.name.startswith(prefixes))
            and (only.subject is None or event.subject == only.subject)
            and (not only.kind or (event.subject is not None and event.subject.kind == only.kind))
            and (only.since is None or event.at >= only.since)
            and (not only.states or event.data.get("state") in only.states)
        )

    return wanted
