"""Retention: what is older, or more, than is to be kept goes, a bite at a time.

Rules: what to take is found by the reader; the writer only ever takes one bite in a transaction, so that a
commit waits for one bite at most. Revisions are counted by what came of them, so that however many were
refused or held since, the one in force and those to go back to stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from reconciler.errors import Corrupt
from reconciler.settings import Retention
from reconciler.store import chain, columns, queries, reading, rows
from reconciler.store.columns import Row
from reconciler.store.lane import Lane
from reconciler.store.retention import oldest, surplus
from reconciler.store.rows import Op
from reconciler.store.thinning import crowded, merged
from reconciler.store.writing import write

A_BITE = 500


async def prune(reader: Lane, writer: Lane, now: datetime, keep: Retention) -> Mapping[str, int]:
    of_events, of_operations = oldest(now, keep.event_days), oldest(now, keep.operation_days)
    of_plans, of_revisions = oldest(now, keep.plan_days), oldest(now, keep.revision_days)
    plans = partial(_surplus_plans, of_events, of_plans, keep.plans_per_resource)
    events = partial(_events, of_events, keep.event_rows)
    operations = partial(_operations, of_operations, keep.operation_rows)
    return {
        "events": await _take(reader, writer, events, chain.forget),
        "operations": await _take(reader, writer, operations, _rows(queries.TAKE_OPERATION)),
        "plans": await _plans(reader, writer, plans),
        "revisions": await _revisions(reader, writer, keep.revisions_per_source, of_revisions),
        "samples": await _samples(reader, writer, now, keep),
    }


Find = Callable[[sqlite3.Connection], list[Row]]
Taking = Callable[[sqlite3.Connection, Sequence[Row]], int]


async def _take(reader: Lane, writer: Lane, find: Find, taking: Taking) -> int:
    gone = 0
    while keys := await reader.run(find):
        if not await writer.run(_delete, taking, keys):
            raise Corrupt(
                f"{writer.path}: an index names rows that are not there, so that nothing old can be dropped",
                remedy="stop the node, and make the indexes anew: `sqlite3 FILE REINDEX`",
            )
        gone += len(keys)
    return gone


def _rows(taking: str) -> Taking:
    """By a statement that takes one key."""
    return lambda connection, keys: connection.executemany(taking, keys).rowcount


def _delete(connection: sqlite3.Connection, taking: Taking, keys: Sequence[Row]) -> int:
    connection.execute("BEGIN IMMEDIATE")
    try:
        gone = taking(connection, keys)
        connection.execute("COMMIT")
        return gone
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _events(before: int, rows_kept: int, connection: sqlite3.Connection) -> list[Row]:
    return (
        connection.execute(queries.EVENTS_BEFORE, (before, A_BITE)).fetchall()
        or connection.execute(queries.EVENTS_BEYOND, (rows_kept, A_BITE)).fetchall()
    )


def _operations(before: int, rows_kept: int, connection: sqlite3.Connection) -> list[Row]:
    return (
        connection.execute(queries.OPERATIONS_BEFORE, (before, A_BITE)).fetchall()
        or connection.execute(queries.OPERATIONS_BEYOND, (rows_kept, A_BITE)).fetchall()
    )


async def _plans(
    reader: Lane, writer: Lane, find: Callable[[sqlite3.Connection, Row], tuple[Row | None, list[Row]]]
) -> int:
    gone, after = 0, ("", "", "")
    while True:
        last, keys = await reader.run(find, after)
        for start in range(0, len(keys), A_BITE):
            await writer.run(_delete, _rows(queries.TAKE_PLAN), keys[start : start + A_BITE])
        gone += len(keys)
        if last is None:
            return gone
        after = last


def _surplus_plans(
    of_gone: int, before: int, limit: int, connection: sqlite3.Connection, after: Row
) -> tuple[Row | None, list[Row]]:
    """Look at the refs that come next: more plans than are kept, and the old ones, of what is gone sooner."""
    refs = connection.execute(queries.PLANNED_REFS, (*after, A_BITE)).fetchall()
    keys: set[Row] = set()
    for *ref, count, there in refs:
        if count > limit:
            keys.update(connection.execute(queries.PLANS_BEYOND, (*ref, limit)))
        if not there:
            keys.update(connection.execute(queries.PLANS_BEFORE, (*ref, of_gone)))
        elif count > 1:
            keys.update(connection.execute(queries.EARLIER_PLANS_BEFORE, (*ref, before)))
    return (refs[-1][:3] if len(refs) == A_BITE else None), sorted(keys)


async def _revisions(reader: Lane, writer: Lane, limit: int, before: int) -> int:
    """One at a time, its files with it, unless it was recorded anew meanwhile."""
    known = await reader.run(reading.all_of, queries.NEWEST_REVISIONS, ())
    turns = {(source, revision): turn for source, revision, *_, turn in known}
    gone = list(surplus((row[:4] for row in known), limit, before))
    for key in gone:
        await writer.run(_delete, _rows(queries.TAKE_REVISION), [(*key, turns[key])])
    return len(gone)


async def _samples(reader: Lane, writer: Lane, now: datetime, keep: Retention) -> int:
    """Those that are too old, then what the rest can do without, then those that are too many."""
    before = partial(_samples_before, oldest(now, keep.metric_days))
    gone = await _take(reader, writer, before, _rows(queries.TAKE["service_metrics"]))
    gone += await _thin(reader, writer, columns.moment(now))
    beyond = partial(_samples_beyond, keep.metric_rows)
    return gone + await _take(reader, writer, beyond, _rows(queries.TAKE["service_metrics"]))


async def _thin(reader: Lane, writer: Lane, now: int) -> int:
    gone = 0
    for first, last in await reader.run(_crowded, now):
        found = await reader.run(reading.all_of, queries.SAMPLES_BETWEEN, (first, last))
        left = [op for one in merged(reading.whole(found)) for op in rows.ops(one)]
        kept = {op.key for op in left}
        taken = [key for row in found if (key := row[:4]) not in kept]
        for start in range(0, len(left), A_BITE):
            await writer.run(_put, left[start : start + A_BITE])
        for start in range(0, len(taken), A_BITE):
            await writer.run(_delete, _rows(queries.TAKE["service_metrics"]), taken[start : start + A_BITE])
        gone += len(found) - len(left)
    return gone


def _crowded(connection: sqlite3.Connection, now: int) -> list[tuple[int, int]]:
    rounds = connection.execute(queries.ROUNDS, {"since": 0, "until": now})
    return list(crowded((at for (at,) in rounds), now))


def _put(connection: sqlite3.Connection, ops: Sequence[Op]) -> None:
    (failed,) = write(connection, [ops]).errors
    if failed is not None:
        raise failed


def _samples_before(before: int, connection: sqlite3.Connection) -> list[Row]:
    return connection.execute(queries.SAMPLES_BEFORE, (before, A_BITE)).fetchall()


def _samples_beyond(rows_kept: int, connection: sqlite3.Connection) -> list[Row]:
    return connection.execute(queries.SAMPLES_BEYOND, (rows_kept, A_BITE)).fetchall()
