"""The store on disk: SQLite in WAL, one writer that commits for all who wait, one reader beside it.

Rules: whoever commits while a transaction is under way shares the next one; `synchronous=FULL`, so what a
returned commit said is there after a kill and after a loss of power; nothing but this file schedules work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.errors import Unavailable
from reconciler.model import Event, JsonValue, Ref
from reconciler.ports import EventFilter, Operation, Planned, Revision, Saved, Write
from reconciler.store import queries, reading, rows
from reconciler.store.lane import Lane
from reconciler.store.tail import ALL, Page, Tail
from reconciler.store.writing import write


class _Waiting(NamedTuple):
    ops: list[rows.Op]
    done: asyncio.Future[None]


class SqliteStore:
    def __init__(self, writer: Lane, reader: Lane, newest_event: int) -> None:
        self._writer = writer
        self._reader = reader
        self._waiting: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None
        self._closed = False
        self._tail = Tail(self._page, newest_event)

    async def load(self) -> Saved:
        return await self._reader.run(reading.saved)

    async def commit(self, *writes: Write) -> None:
        if self._closed:
            raise Unavailable("the store is closed")
        ops = [op for write in writes for op in rows.ops(write)]
        if not ops:
            return
        mine = _Waiting(ops, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await mine.done

    async def _flush(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            outcome = await self._writer.run(write, [one.ops for one in group])
            self._tail.publish(outcome.events)
            for one, error in zip(group, outcome.errors, strict=True):
                if one.done.done():  # cancelled meanwhile; what it asked for is written all the same
                    continue
                if error is None:
                    one.done.set_result(None)
                else:
                    one.done.set_exception(error)
        self._flushing = None

    async def events(self, after: int, limit: int, only: EventFilter = ALL) -> Sequence[Event]:
        found: list[Event] = []
        _, newest = await self.event_ids()
        while after < newest and len(found) < limit:
            page = await self._page(after, limit - len(found), only)
            found += page.events
            after = page.upto
        return found

    async def _page(self, after: int, limit: int, only: EventFilter) -> Page:
        return await self._reader.run(reading.page, after, limit, only)

    async def event_ids(self) -> tuple[int, int]:
        ((oldest, newest),) = await self._all(queries.EVENT_IDS)
        return oldest, newest

    def follow(self, after: int, only: EventFilter = ALL) -> AsyncIterator[Event]:
        return self._tail.follow(after, only)

    async def plans(self, ref: Ref, limit: int) -> Sequence[Planned]:
        return [rows.planned(row) for row in await self._all(queries.PLANS, *ref, limit)]

    async def revisions(self, source: str, limit: int) -> Sequence[Revision]:
        return [rows.revision(row) for row in await self._all(queries.REVISIONS, source, limit)]

    async def revision_files(self, source: str, revision: str) -> Mapping[str, bytes]:
        return await self._reader.run(reading.files, source, revision)

    async def operations(self, limit: int) -> Sequence[Operation]:
        return [rows.operation(row) for row in await self._all(queries.OPERATIONS, limit)]

    async def operation(self, id: str) -> Operation | None:
        found = await self._all(queries.OPERATION, id)
        return rows.operation(found[0]) if found else None

    async def _all(self, query: str, *args: JsonValue) -> list[rows.Row]:
        return await self._reader.run(reading.all_of, query, args)

    async def dump(self) -> Mapping[str, Sequence[Any]]:
        """All that is kept, for tests that compare."""
        return await self._reader.run(reading.everything)

    async def close(self) -> None:
        self._closed = True
        self._tail.close()
        if self._flushing is not None:
            await self._flushing
        await self._reader.close()
        await self._writer.close()
