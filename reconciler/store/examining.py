"""A look through a whole store, for who asks whether it is sound: pages, indexes, seals and the chain.

Rules: nothing is changed; a node may be at work on it meanwhile, and what is told is of one moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.errors import Corrupt
from reconciler.records import dataclass
from reconciler.store import chain, columns, queries, reading
from reconciler.store.comparing import to_read
from reconciler.store.faults import in_our_words

LOOK = "PRAGMA integrity_check(20)"


@dataclass(frozen=True, slots=True)
class Examined:
    faults: tuple[str, ...]  # the worst first; empty: nothing is wrong
    rows: int
    newest: datetime | None  # when it was written last, as far as the log of events tells


@contextmanager
def looked_at(path: Path, *, living: bool) -> Iterator[sqlite3.Connection]:
    """A connection that sees one moment of it. `living`: a node is at work on it."""
    with TemporaryDirectory(prefix="holdfast-") as scratch:

        def connect() -> sqlite3.Connection:
            if living:
                return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            return to_read(path, Path(scratch))

        with (
            closing(reading.by_rows(in_our_words(connect, path)())) as connection,
            reading.snapshot(connection),
        ):
            yield connection


def examine(path: Path, *, living: bool) -> Examined:
    with looked_at(path, living=living) as connection:
        return _examined(connection)


def _examined(connection: sqlite3.Connection) -> Examined:
    faults: list[str] = []
    rows, newest = 0, None
    try:
        faults += [str(answer) for (answer,) in connection.execute(LOOK) if answer != "ok"]
        for table, query in queries.TABLES.items():
            for row in connection.execute(query):
                rows += 1
                faults += _broken(table, row)
        faults += chain.verify(connection).faults
        (latest,) = connection.execute("SELECT max(at) FROM events").fetchone()
        newest = None if latest is None else columns.instant(latest)
    except sqlite3.DatabaseError as error:
        faults.append(f"it cannot be read to its end: {error}")
    return Examined(tuple(faults), rows, newest)


def _broken(table: str, row: columns.Row) -> Iterator[str]:
    try:
        columns.unsealed(table, row[1:] if table == "events" else row)  # an event's id is the table's own
    except Corrupt as damage:
        yield damage.message
