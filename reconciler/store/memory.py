"""The store without a disk: the same contract as the SQLite one, deterministic and without threads.

Rules: it keeps encoded rows as the other one does, so what comes back is never the very
object that went in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any, Self

from reconciler.errors import Problem, Unavailable
from reconciler.model import Event, JsonValue, Ref
from reconciler.ports.store import EventFilter, Operation, Planned, Revision, Sampled, Saved, Write
from reconciler.settings import Retention
from reconciler.store import columns, rows
from reconciler.store.figures import commits, reads
from reconciler.store.remedies import no_files
from reconciler.store.retention import oldest, surplus
from reconciler.store.tail import ALL, Following, Page, Tail, matcher
from reconciler.store.thinning import crowded, merged

AT_PLAN, AT_OPERATION, AT_REVISION, OUTCOME = 3, 3, 2, 3  # columns of their rows
KEY_WIDTH = {"inventory": 3, "memory": 3, "statuses": 3, "overrides": 1, "notes": 1}
KEYED = (
    "inventory",
    "memory",
    "statuses",
    "overrides",
    "operations",
    "notes",
    "revisions",
    "service_metrics",
)


class MemoryStore:
    def __init__(self) -> None:
        self._keyed: dict[str, dict[columns.Row, columns.Row]] = {table: {} for table in KEYED}
        self._plans: list[columns.Row] = []
        self._events: list[Event] = []
        self._files: dict[columns.Row, dict[str, bytes]] = {}
        self._last_event = 0
        self._closed = False
        self._tail = Tail(self._page, 0)
        self.commits = commits()
        self.reads = reads()
        self.refused: Problem | None = None  # there is nothing to run full

    @classmethod
    def holding(cls, tables: Mapping[str, Sequence[columns.Row]]) -> Self:
        """What stood in these tables of another store."""
        store = cls()
        for table, found in tables.items():
            store._keyed[table] = {row[: KEY_WIDTH[table]]: row for row in found}
        return store

    async def load(self) -> Saved:
        table = self._keyed
        return Saved(
            {kept.ref: kept for kept in map(rows.kept, table["inventory"].values())},
            dict(map(rows.memory, table["memory"].values())),
            dict(map(rows.status, table["statuses"].values())),
            sorted(map(rows.override, table["overrides"].values()), key=lambda o: (o.created, o.id)),
            dict(map(rows.note, table["notes"].values())),
        )

    async def commit(self, *writes: Write) -> None:
        if self._closed:
            raise Unavailable("the store is closed")
        ops = [op for write in writes for op in rows.ops(write)]
        published = [event for op in ops if (event := self._do(op)) is not None]
        if published:
            self._tail.publish(published)

    def _do(self, op: rows.Op) -> Event | None:
        match op.table:
            case "events":
                self._last_event += 1
                event = rows.event(self._last_event, op.row)
                self._events.append(event)
                return event
            case "plans":
                self._plans.append(op.row)
            case "revision_files":
                self._files.setdefault(op.key, op.row)
            case "revisions":  # one that is recorded again counts as the newest
                self._keyed["revisions"].pop(op.key, None)
                self._keyed["revisions"][op.key] = op.row
            case table if op.row is None:
                self._keyed[table].pop(op.key, None)
            case table:
                self._keyed[table][op.key] = op.row
        return None

    async def events(self, after: int, limit: int, only: EventFilter = ALL) -> Sequence[Event]:
        return list((await self._page(after, limit, only)).events)

    async def _page(self, after: int, limit: int, only: EventFilter) -> Page:
        start = bisect_right(self._events, after, key=lambda event: event.id)
        wanted = matcher(only)
        later = (event for event in islice(self._events, start, None) if wanted(event))
        found = tuple(islice(later, max(limit, 0)))
        end = found[-1].id if 0 < len(found) == limit else max(after, self._last_event)
        oldest = self._events[0].id if self._events else self._last_event + 1
        return Page(found, end, oldest, self._last_event)

    async def event_ids(self) -> tuple[int, int]:
        return (self._events[0].id, self._events[-1].id) if self._events else (0, 0)

    def as_of(self) -> int:
        return self._last_event  # nobody waits for a commit

    def lags(self) -> list[int]:
        return self._tail.lags()

    def follow(self, after: int, only: EventFilter = ALL) -> Following:
        return self._tail.follow(after, only)

    async def plans(self, ref: Ref, limit: int) -> Sequence[Planned]:
        of_ref = (row for row in reversed(self._plans) if row[:3] == ref)
        return list(map(rows.planned, islice(of_ref, limit)))

    async def revisions(self, source: str, limit: int) -> Sequence[Revision]:
        newest = reversed(self._keyed["revisions"].items())
        return list(islice((rows.revision(row) for key, row in newest if key[0] == source), limit))

    async def revision_files(self, source: str, revision: str) -> Mapping[str, bytes]:
        try:
            return dict(self._files[source, revision])
        except KeyError:
            raise no_files(source, revision) from None

    async def operations(self, limit: int) -> Sequence[Operation]:
        return list(map(rows.operation, islice(reversed(self._keyed["operations"].values()), limit)))

    async def operation(self, id: str) -> Operation | None:
        row = self._keyed["operations"].get((id,))
        return None if row is None else rows.operation(row)

    async def note(self, key: str) -> JsonValue:
        row = self._keyed["notes"].get((key,))
        return None if row is None else rows.note(row)[1]

    async def samples(self, ref: Ref, since: datetime, until: datetime, limit: int) -> Sequence[Sampled]:
        of_ref = (rows.sampled(row) for key, row in self._samples() if key[1:] == ref)
        return list(islice((one for one in of_ref if since <= one.at <= until), limit))

    def _samples(self) -> list[tuple[columns.Row, columns.Row]]:
        return sorted(self._keyed["service_metrics"].items())

    async def prune(self, now: datetime, keep: Retention) -> Mapping[str, int]:
        before = oldest(now, keep.event_days)
        events = [event for event in self._events if columns.moment(event.at) >= before]
        events = events[max(len(events) - keep.event_rows, 0) :]
        asked_before = oldest(now, keep.operation_days)
        operations = {
            key: row for key, row in self._keyed["operations"].items() if row[AT_OPERATION] >= asked_before
        }
        operations = dict(list(operations.items())[max(len(operations) - keep.operation_rows, 0) :])
        plans = list(self._plans_to_keep(before, oldest(now, keep.plan_days), keep.plans_per_resource))
        known = [
            (*key, row[OUTCOME], row[AT_REVISION]) for key, row in reversed(self._keyed["revisions"].items())
        ]
        gone = list(surplus(known, keep.revisions_per_source, oldest(now, keep.revision_days)))
        removed = {
            "events": len(self._events) - len(events),
            "operations": len(self._keyed["operations"]) - len(operations),
            "plans": len(self._plans) - len(plans),
            "revisions": len(gone),
            "samples": self._prune_samples(now, keep),
        }
        self._events, self._plans, self._keyed["operations"] = events, plans, operations
        for key in gone:
            del self._keyed["revisions"][key]
            self._files.pop(key, None)
        return removed

    def _prune_samples(self, now: datetime, keep: Retention) -> int:
        before, number = oldest(now, keep.metric_days), len(self._keyed["service_metrics"])
        found = [rows.sampled(row) for key, row in self._samples() if key[0] >= before]
        self._keyed["service_metrics"] = {op.key: op.row for one in found for op in rows.ops(one)}
        rounds = sorted({key[0] for key in self._keyed["service_metrics"] if key[0] <= columns.moment(now)})
        for first, last in crowded(rounds, columns.moment(now)):
            together = [(key, row) for key, row in self._samples() if first <= key[0] <= last]
            for key, _ in together:
                del self._keyed["service_metrics"][key]
            left = merged(rows.sampled(row) for _, row in together)
            self._keyed["service_metrics"] |= {op.key: op.row for one in left for op in rows.ops(one)}
        kept = self._samples()
        self._keyed["service_metrics"] = dict(kept[max(len(kept) - keep.metric_rows, 0) :])
        return number - len(self._keyed["service_metrics"])

    def _plans_to_keep(self, of_gone: int, before: int, limit: int) -> Iterator[columns.Row]:
        later = Counter(row[:3] for row in self._plans)
        for row in self._plans:
            ref = row[:3]
            later[ref] -= 1  # how many of the same ref come after this one
            is_there = ref in self._keyed["inventory"]
            stays = row[AT_PLAN] >= (before if is_there else of_gone) or (is_there and not later[ref])
            if later[ref] < limit and stays:
                yield row

    async def close(self) -> None:
        self._closed = True
        self._tail.close()

    async def dump(self) -> Mapping[str, Sequence[Any]]:
        """All that is kept, for tests that compare."""
        files = (
            columns.sealed(*key, path, sha256(body).hexdigest())
            for key, kept in self._files.items()
            for path, body in kept.items()
        )
        events = [(event.id, *op.row) for event in self._events for op in rows.ops(event)]
        return {
            **{table: sorted(self._keyed[table].values()) for table in KEYED},
            **{table: list(self._keyed[table].values()) for table in ("operations", "revisions")},
            "revision_files": sorted(files),
            "plans": list(self._plans),
            "events": events,
        }
