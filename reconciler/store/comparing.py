"""The way in for comparing: what the last node left is read, and nothing in its folder changes.

Rules: not a byte, not even of SQLite's own helper files; a store that was closed is read as it lies, one
whose node was killed from a copy, because SQLite brings what it opens in order. No node may run: should one
write meanwhile, nothing is answered, for it might be half of one state and half of another.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.errors import Corrupt, Unavailable
from reconciler.store import reading
from reconciler.store.faults import in_our_words
from reconciler.store.lane import Lane
from reconciler.store.looking import check_access, check_version
from reconciler.store.migrating import migrate, migrations
from reconciler.store.rebuilding import copy, traces
from reconciler.store.remedies import RESTART
from reconciler.store.sqlite import SqliteStore
from reconciler.store.stamps import Stamp, stamps


async def open_read_only(path: Path) -> SqliteStore:
    found: list[reading.Found] = []
    scratch = TemporaryDirectory(prefix="holdfast-")

    def enter() -> sqlite3.Connection:
        return _enter(path, Path(scratch.name), found)

    try:
        reader = await Lane.open(in_our_words(enter, path), path)
    except BaseException:
        scratch.cleanup()
        raise
    return SqliteStore(reader, None, found[-1], scratch.cleanup)


def _enter(path: Path, scratch: Path, found: list[reading.Found]) -> sqlite3.Connection:
    before = stamps(path)
    with ExitStack() as undo:
        try:
            connection = reading.by_rows(to_read(path, scratch))
            undo.callback(connection.close)
            found.append(reading.found(connection))
        except (sqlite3.Error, Corrupt):
            _expect(path, before)
            raise
        _expect(path, before)
        undo.pop_all()
        return connection


def _expect(path: Path, before: list[Stamp]) -> None:
    if stamps(path) != before:
        raise Unavailable(
            f"{path} was written while it was being read",
            remedy="a node has started: ask that one, or try again",
        )


def to_read(path: Path, scratch: Path) -> sqlite3.Connection:
    """On the file itself where it is whole, else on a copy: SQLite repairs and moves on what it opens."""
    check_access(path, os.R_OK)
    if not path.exists():
        if traces(path):
            raise Corrupt(f"{path} is gone, though a store was here", remedy=RESTART)
        return _migrated(sqlite3.connect(":memory:", isolation_level=None))
    untouched = f"{path.absolute().as_uri()}?immutable=1"
    if _is_whole(path, untouched):
        return sqlite3.connect(untouched, uri=True, isolation_level=None)
    return _migrated(sqlite3.connect(copy(path, scratch), isolation_level=None), path)


def _is_whole(path: Path, address: str) -> bool:
    """Nothing stands in the log, and the schema is today's."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return False
    with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        return check_version(connection, path) == len(migrations())


def _migrated(connection: sqlite3.Connection, store: Path | None = None) -> sqlite3.Connection:
    try:
        if store is not None:
            check_version(connection, store)
        migrate(connection, migrations())
    except BaseException:
        connection.close()
        raise
    return connection
