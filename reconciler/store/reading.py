"""What is read from the tables, each piece in one go on the reader's thread.

Rules: a piece is one transaction, so that what it returns belongs together; a search of the log stops after a
bounded number of events, whatever the filter, and says how far it came.
"""

from __future__ import annotations

import gc
import heapq
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

from reconciler.errors import Corrupt
from reconciler.model import Event, Ref
from reconciler.ports.store import EventFilter, Sampled, Saved
from reconciler.store import columns, queries, rows
from reconciler.store.columns import Row
from reconciler.store.remedies import no_files
from reconciler.store.since import Since
from reconciler.store.tail import Page, matcher

A_SEARCH = 4096


class Found(NamedTuple):
    """What opening reads, to prove that the file is whole."""

    saved: Saved
    newest_event: int


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")  # nothing was written


@contextmanager
def without_collecting() -> Iterator[None]:
    """All that is made is kept: to look through it again and again took a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def saved(connection: sqlite3.Connection) -> Saved:
    def table(name: str) -> sqlite3.Cursor:
        return connection.execute(queries.TABLES[name])

    with snapshot(connection), without_collecting():
        return Saved(
            {kept.ref: kept for kept in map(rows.kept, table("inventory"))},
            dict(map(rows.memory, table("memory"))),
            dict(map(rows.status, table("statuses"))),
            sorted(map(rows.override, table("overrides")), key=lambda o: (o.created, o.id)),
            dict(map(rows.note, table("notes"))),
        )


def found(connection: sqlite3.Connection) -> Found:
    (newest,) = connection.execute(queries.LAST_EVENT).fetchone()
    return Found(saved(connection), newest)


def by_rows(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A text that is no UTF-8 shall fail its own row, by the seal, and not the whole query."""
    connection.text_factory = _text
    return connection


def _text(written: bytes) -> str:
    return written.decode("utf-8", "replace")


def page(connection: sqlite3.Connection, since: Since, after: int, limit: int, only: EventFilter) -> Page:
    with snapshot(connection), ExitStack() as open_cursors:
        (newest,) = connection.execute(queries.LAST_EVENT).fetchone()
        (oldest, _) = connection.execute(queries.EVENT_IDS).fetchone()
        end, oldest = max(after, newest), oldest or newest + 1
        start = _start(connection, since, after, only)
        if start is None or limit <= 0:
            return Page((), end, oldest, newest)
        ways = [open_cursors.enter_context(closing(cursor)) for cursor in _ways(connection, start, only)]
        wanted = matcher(only)
        found = []
        for looked_at, row in enumerate(heapq.merge(*ways, key=itemgetter(0)), 1):
            event = _event(row)
            if wanted(event):
                found.append(event)
            if len(found) == limit or looked_at == A_SEARCH:
                return Page(tuple(found), row[0], oldest, newest)
        return Page(tuple(found), end, oldest, newest)


def _event(row: Row) -> Event:
    """A line that cannot be read any more is shown as such: the log goes on after it."""
    try:
        return rows.event(row[0], row[1:])
    except Corrupt as damage:
        return Event("store.damaged", columns.EPOCH, data={"reason": damage.message}, id=row[0])


def _start(connection: sqlite3.Connection, since: Since, after: int, only: EventFilter) -> int | None:
    """The id after which to look. The clock may have jumped, so that `since` gives a lower bound only."""
    if only.since is None:
        return after
    first = since.first(connection, columns.moment(only.since))
    return None if first is None else max(after, first - 1)


def _ways(connection: sqlite3.Connection, start: int, only: EventFilter) -> Iterator[sqlite3.Cursor]:
    """Cursors in the order of the ids that together pass every wanted event, by the narrowest index."""
    if only.subject is not None:
        yield connection.execute(queries.EVENTS_OF_SUBJECT, (*only.subject, start))
    elif only.actor or only.asked:
        yield connection.execute(queries.EVENTS_ASKED_FOR, (start,))
    elif only.names and "*" not in only.names:
        for name in _names(connection, only.names):
            yield connection.execute(queries.EVENTS_NAMED, (name, start))
    elif only.kind:
        yield connection.execute(queries.EVENTS_OF_KIND, (only.kind, start))
    else:
        yield connection.execute(queries.EVENTS, (start,))


def _names(connection: sqlite3.Connection, patterns: Sequence[str]) -> set[str]:
    names = {pattern for pattern in patterns if not pattern.endswith("*")}
    for pattern in patterns:
        if pattern.endswith("*"):
            low = pattern[:-1]
            found = connection.execute(queries.EVENT_NAMES, {"low": low, "high": low + chr(0x10FFFF)})
            names.update(name for (name,) in found)
    return names


def files(connection: sqlite3.Connection, source: str, revision: str) -> Mapping[str, bytes]:
    key = (source, revision)
    with snapshot(connection):
        kept = connection.execute(queries.HAS_FILES, key).fetchone()
        if kept is None or not kept[0]:
            raise no_files(source, revision)
        return {path: _body(path, rest) for path, *rest in connection.execute(queries.FILES, key)}


def _body(path: str, rest: Sequence[Any]) -> bytes:
    packed, source, revision, digest, seal = rest
    columns.unsealed("revision_files", (source, revision, path, digest, seal))
    try:
        body = zlib.decompress(packed)
    except zlib.error:
        body = b""
    if sha256(body).hexdigest() != digest:
        raise Corrupt(
            f"the kept contents of {path} at revision {revision} of {source} are not as they were written",
            remedy="take them from the source itself",
        )
    return body


def samples(
    connection: sqlite3.Connection, ref: Ref, since: datetime, until: datetime, limit: int
) -> list[Sampled]:
    asked = {**ref._asdict(), "since": columns.moment(since), "until": columns.moment(until)}
    with closing(connection.execute(queries.SAMPLES, asked)) as found:
        return list(islice(whole(found), limit))


def whole(found: Iterable[Row]) -> Iterator[Sampled]:
    """One that is damaged is a gap: nobody decides anything by it, and the rest is as good as before."""
    for row in found:
        with suppress(Corrupt):
            yield rows.sampled(row)


def all_of(connection: sqlite3.Connection, query: str, args: Row) -> list[Row]:
    return connection.execute(query, args).fetchall()


def everything(connection: sqlite3.Connection) -> Mapping[str, Sequence[Row]]:
    """The logical content of every table, for tests that compare."""
    in_order = ("events", "operations", "plans", "revisions")
    with snapshot(connection):
        tables = {name: all_of(connection, query, ()) for name, query in queries.TABLES.items()}
    return {name: found if name in in_order else sorted(found) for name, found in tables.items()}
