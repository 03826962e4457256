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
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import takewhile
from typing import NamedTuple, Protocol
from weakref import WeakSet, ref

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
        self._waiting: set[asyncio.Future[bool]] = set()
        self._fresh: dict[int, list[Event]] = {}  # a thousand readers at one place ask for the same
        self.closed = False
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
        self.closed = True
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

    async def rung(self, bell: asyncio.Future[bool]) -> bool:
        """Wait for what comes next; whoever sets it first to false has waited for long enough."""
        self._waiting.add(bell)
        try:
            return await bell
        finally:
            self._waiting.discard(bell)

    def _missed(self, position: int, page: Page) -> Event:
        """From here on all is there again; its id is a place to go on from."""
        near = next(iter((*page.events, *self._recent)), Event("", datetime.fromtimestamp(0, UTC)))
        data = {"last_event_id": position, "oldest": page.oldest, "newest": page.newest}
        return Event(RESET, near.at, data=data, id=page.oldest - 1)

    def _newer(self, position: int) -> list[Event]:
        found = self._fresh.get(position)
        if found is None:
            found = list(takewhile(lambda event: event.id > position, reversed(self._recent)))
            found.reverse()
            self._fresh[position] = found
        return found

    def _ring(self) -> None:
        self._fresh.clear()
        for bell in self._waiting:
            if not bell.done():
                bell.set_result(True)


class Following:
    """One reader: its place in the log is all that it has."""

    def __init__(self, tail: Tail, after: int, only: EventFilter) -> None:
        self._tail = tail
        self._only = only
        self._wanted = matcher(only)
        self._begun = False
        self._deadline = 0.0
        self._bell: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.position = after

    async def more(self, within_s: float | None = None) -> Sequence[Event] | None:
        loop = asyncio.get_running_loop()
        if within_s is not None:
            self._deadline = loop.time() + within_s
        if not self._begun:
            found, self.position = await self._tail.begin(self.position)
            self._begun = True
            if found:
                return found
        while True:
            while (looked := await self._tail.look(self.position, self._only, self._wanted)) is not None:
                found, self.position = looked
                if found:
                    return found
            if self._tail.closed:
                return None
            self._bell = loop.create_future()
            if within_s is not None and self._timer is None:
                self._set_timer(loop)
            if not await self._tail.rung(self._bell):
                return ()

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        """One for as long as it goes: to set and to take back one for each event took a third of the time."""
        self._timer = loop.call_at(self._deadline, _late, ref(self))

    def late(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._bell is None or self._bell.done():
            return
        if loop.time() >= self._deadline:
            self._bell.set_result(False)
        else:
            self._set_timer(loop)

    async def __aiter__(self) -> AsyncGenerator[Event, None]:
        while (found := await self.more()) is not None:
            for event in found:
                yield event


def _late(reader: ref[Following]) -> None:
    """Nobody is kept by a clock."""
    if (found := reader()) is not None:
        found.late()


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
