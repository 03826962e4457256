"""The store on disk: SQLite in WAL, one writer that commits for all who wait, one reader beside it.

Rules: what a returned commit said survives a kill and a loss of power; every read is one hop to the reader's
thread, so that no caller waits for a transaction. Without a writer it is open for reading only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from reconciler.errors import Problem, Refused
from reconciler.model import Event, JsonValue, Ref
from reconciler.ports.store import EventFilter, Operation, Planned, Revision, Sampled, Saved, Write
from reconciler.settings import Retention
from reconciler.store import columns, pruning, queries, reading, rows
from reconciler.store.figures import commits, reads
from reconciler.store.group import GroupCommit
from reconciler.store.lane import Lane
from reconciler.store.since import Since
from reconciler.store.tail import ALL, Following, Page, Tail

P = ParamSpec("P")
R = TypeVar("R")


class SqliteStore:
    def __init__(
        self, reader: Lane, writer: Lane | None, found: reading.Found, after: Callable[[], None] | None = None
    ) -> None:
        self._after = after
        self._reader = reader
        self._writer = writer
        self._found: Saved | None = found.saved
        self._tail = Tail(self._page, found.newest_event)
        self._since = Since()
        self.commits = commits()
        self.reads = reads()
        self.refused: Problem | None = None  # why the last commit failed
        self._group = None if writer is None else GroupCommit(writer, self._tail.publish)

    async def load(self) -> Saved:
        found, self._found = self._found, None
        return await self._reader.run(reading.saved) if found is None else found

    async def commit(self, *writes: Write) -> None:
        if self._group is None:
            raise self._read_only()
        ops = [op for write in writes for op in rows.ops(write)]
        if ops:
            self._found = None
            try:
                with self.commits.timed(), self._tail.committing():
                    await self._group.commit(ops)
            except Problem as problem:
                self.refused = problem
                raise
            self.refused = None

    async def prune(self, now: datetime, keep: Retention) -> Mapping[str, int]:
        """Let go of what is older or more than is to be kept; says how many rows of what went."""
        if self._writer is None:
            raise self._read_only()
        return await pruning.prune(self._reader, self._writer, now, keep)

    def _read_only(self) -> Refused:
        return Refused(f"{self._reader.path} is open for reading only", remedy="to compare is not to change")

    async def events(self, after: int, limit: int, only: EventFilter = ALL) -> Sequence[Event]:
        found: list[Event] = []
        _, newest = await self.event_ids()
        while after < newest and len(found) < limit:
            page = await self._page(after, limit - len(found), only)
            found += page.events
            after = page.upto
        return found

    async def _page(self, after: int, limit: int, only: EventFilter) -> Page:
        return await self._read("page of events", reading.page, self._since, after, limit, only)

    async def event_ids(self) -> tuple[int, int]:
        ((oldest, newest),) = await self._all("ids of events", queries.EVENT_IDS)
        return oldest, newest

    def as_of(self) -> int:
        return self._tail.as_of()

    def lags(self) -> list[int]:
        return self._tail.lags()

    def follow(self, after: int, only: EventFilter = ALL) -> Following:
        return self._tail.follow(after, only)

    async def plans(self, ref: Ref, limit: int) -> Sequence[Planned]:
        return [rows.planned(row) for row in await self._all("plans", queries.PLANS, *ref, limit)]

    async def revisions(self, source: str, limit: int) -> Sequence[Revision]:
        return [rows.revision(row) for row in await self._all("revisions", queries.REVISIONS, source, limit)]

    async def revision_files(self, source: str, revision: str) -> Mapping[str, bytes]:
        return await self._read("files of a revision", reading.files, source, revision)

    async def operations(self, limit: int) -> Sequence[Operation]:
        return [rows.operation(row) for row in await self._all("operations", queries.OPERATIONS, limit)]

    async def operation(self, id: str) -> Operation | None:
        found = await self._all("operation", queries.OPERATION, id)
        return rows.operation(found[0]) if found else None

    async def note(self, key: str) -> JsonValue:
        found = await self._all("note", queries.NOTE, key)
        return rows.note(found[0])[1] if found else None

    async def samples(self, ref: Ref, since: datetime, until: datetime, limit: int) -> Sequence[Sampled]:
        return await self._read("samples", reading.samples, ref, since, until, limit)

    async def _all(self, name: str, query: str, *args: JsonValue) -> list[columns.Row]:
        return await self._read(name, reading.all_of, query, args)

    async def _read(
        self,
        name: str,
        work: Callable[Concatenate[sqlite3.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        with self.reads.timed(name):
            return await self._reader.run(work, *args, **kwargs)

    async def dump(self) -> Mapping[str, Sequence[columns.Row]]:
        """All that is kept, for tests that compare."""
        return await self._reader.run(reading.everything)

    async def close(self) -> None:
        self._tail.close()
        if self._group is not None:
            await self._group.close()
        await self._reader.close()
        if self._writer is not None:
            await self._writer.close()
        if self._after is not None:
            self._after()
