"""The transaction: what many callers brought becomes one, and whose writes cannot be sinks nobody else.

Rules: within a group the last word on a key wins, so each row is written once, table by table; if the group
as a whole fails it is halved until whoever failed stands alone, unless the fault is nobody's.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from reconciler.model import Event
from reconciler.store import columns, queries, rows
from reconciler.store.chain import chained, link_before_next
from reconciler.store.columns import Row
from reconciler.store.faults import callers_own
from reconciler.store.rows import Op


class Outcome(NamedTuple):
    """What became of a group: the events that are in the log now, and each caller's error, if any."""

    events: Sequence[Event]
    errors: Sequence[Exception | None]


def write(connection: sqlite3.Connection, group: Sequence[Sequence[Op]]) -> Outcome:
    try:
        events = _transact(connection, [op for ops in group for op in ops])
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller that caused it
        if len(group) == 1 or not callers_own(error):
            return Outcome((), [error] * len(group))
        middle = len(group) // 2
        first, second = write(connection, group[:middle]), write(connection, group[middle:])
        return Outcome((*first.events, *second.events), (*first.errors, *second.errors))
    return Outcome([rows.event(row[0], row[1:]) for row in events], (None,) * len(group))


def _transact(connection: sqlite3.Connection, ops: Iterable[Op]) -> list[Row]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        events = _apply(connection, ops)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        raise
    return events


def _apply(connection: sqlite3.Connection, ops: Iterable[Op]) -> list[Row]:
    keyed: dict[str, dict[Row, Row | None]] = {}
    added: dict[str, list[Row]] = {"plans": [], "events": []}
    files: list[Op] = []
    for op in ops:
        if op.table == "revision_files":
            files.append(op)
        elif op.table in added:
            added[op.table].append(op.row)
        else:
            table = keyed.setdefault(op.table, {})
            if op.table == "revisions":  # the last to be recorded is the newest
                table.pop(op.key, None)
            table[op.key] = op.row
    for name, table in keyed.items():
        gone = [key for key, row in table.items() if row is None]
        if gone:
            connection.executemany(queries.TAKE[name], gone)
        connection.executemany(queries.PUT[name], (row for row in table.values() if row is not None))
    for op in files:
        _keep_files(connection, op.key, op.row)
    connection.executemany(queries.PUT["plans"], added["plans"])
    (last,) = connection.execute(queries.LAST_EVENT).fetchone()
    events: list[Row] = [(last + n, *row) for n, row in enumerate(added["events"], 1)]
    if events:
        connection.executemany(queries.PUT["events"], chained(link_before_next(connection, last), events))
    return events


def _keep_files(connection: sqlite3.Connection, key: Row, files: Mapping[str, bytes]) -> None:
    (kept,) = connection.execute(queries.HAS_FILES, key).fetchone()
    if kept:
        return
    for path, body in files.items():
        digest = sha256(body).hexdigest()
        if connection.execute(queries.HAS_CONTENT, (digest,)).fetchone() is None:
            connection.execute(queries.PUT_CONTENT, (digest, zlib.compress(body)))
        connection.execute(queries.PUT_FILE, columns.sealed(*key, path, digest))
    connection.execute(queries.MARK_FILES, key)
