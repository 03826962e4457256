"""The live end of the event log: the newest events in memory, and a bell for those who wait.

Rules: a reader has nothing but its position, so a slow one costs nothing and loses nothing: whoever has
fallen behind what is in memory reads the table until it has caught up. Nothing is ever queued for a reader.
Whoever has fallen behind what is kept at all is told so, by an event that stands in no log, and so is who
comes with a place that the log has not reached: it is from another life of the node.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import takewhile
from typing import NamedTuple, Protocol
from weakref import WeakSet

from reconciler.model import NODE_ACTOR, Event
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
        self._committing: dict[object, int] = {}
        self._readers: WeakSet[Following] = WeakSet()

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

    @contextmanager
    def committing(self) -> Iterator[None]:
        """What is told meanwhile may be told before whoever commits it knows."""
        mine = object()
        self._committing[mine] = self._newest
        try:
            yield
        finally:
            del self._committing[mine]

    def as_of(self) -> int:
        return next(iter(self._committing.values()), self._newest)  # who began first has the least

    def lags(self) -> list[int]:
        """How many events each reader is behind."""
        return [max(0, self._newest - reader.position) for reader in self._readers]

    def follow(self, after: int, only: EventFilter) -> Following:
        reader = Following(self, after, only)
        self._readers.add(reader)
        return reader

    async def begin(self, after: int) -> tuple[Sequence[Event], int]:
        """What a new reader is told first, and where it begins: its place may be kept no more."""
        page = await self._read(after, 0, ALL)
        if not after or page.oldest - 1 <= after <= page.newest:  # who has seen nothing has missed nothing
            return (), after
        return (self._missed(after, page),), page.oldest - 1

    async def look(
        self, after: int, only: EventFilter, wanted: Callable[[Event], bool]
    ) -> tuple[Sequence[Event], int] | None:
        """What is wanted of the next stretch, and where that ends; None at the end of the log."""
        if after < self._complete_after:
            page = await self._read(after, A_PAGE, only)
            missed = (self._missed(after, page),) if 0 < after < page.oldest - 1 else ()
            return (*missed, *page.events), page.upto
        if fresh := self._newer(after):
            return [event for event in fresh if wanted(event)], fresh[-1].id
        return None

    async def wait(self) -> bool:
        """For what comes next; false when nothing will."""
        if self._closed:
            return False
        await self._bell.wait()
        return True

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


class Following:
    """One reader: its place in the log is all that it has."""

    def __init__(self, tail: Tail, after: int, only: EventFilter) -> None:
        self._tail = tail
        self._only = only
        self._wanted = matcher(only)
        self._begun = False
        self.position = after

    async def more(self, within_s: float | None = None) -> Sequence[Event] | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                return await self._more()
        return ()

    async def _more(self) -> Sequence[Event] | None:
        if not self._begun:
            found, self.position = await self._tail.begin(self.position)
            self._begun = True
            if found:
                return found
        going = True
        while going:
            while (looked := await self._tail.look(self.position, self._only, self._wanted)) is not None:
                found, self.position = looked
                if found:
                    return found
            going = await self._tail.wait()
        return None

    async def __aiter__(self) -> AsyncGenerator[Event, None]:
        while (found := await self.more()) is not None:
            for event in found:
                yield event


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
            and (not only.asked or event.actor != NODE_ACTOR)
            and (not only.actor or event.actor == only.actor)
        )

    return wanted
