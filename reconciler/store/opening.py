"""The way in: a store is opened whole, or what is wrong with it is said.

Rules: opening reads all that the engine will go by, so that damage shows before anything is decided on it; a
damaged file is kept aside and a new one takes its place, under the note `rebuilt`; what may only be read is
read without a trace, not even of SQLite's own helper files.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.errors import Corrupt, Invalid, Refused
from reconciler.ports import Clock
from reconciler.store import queries, reading
from reconciler.store.faults import RESTART, on_opening
from reconciler.store.lane import Lane
from reconciler.store.looking import compare, look_through
from reconciler.store.migrating import migrate, migrations, version
from reconciler.store.rebuilding import copy, finish, make, rebuild, traces, with_sidecars
from reconciler.store.sqlite import Found, SqliteStore

WAL_KEPT_BYTES = 16 * 1024 * 1024


async def open_store(path: Path, clock: Clock) -> SqliteStore:
    """The store of a node that runs. Only one may at a time: the data folder's lock sees to that."""
    found: list[Found] = []

    def enter() -> sqlite3.Connection:
        try:
            return _enter(path, clock, found)
        except Corrupt as damage:
            rebuild(path, clock.now(), damage)
            return _enter(path, clock, found)

    writer = await Lane.open(_in_our_words(enter, path), path)
    try:
        reader = await Lane.open(_in_our_words(lambda: _beside(path), path), path)
    except BaseException:
        await writer.close()
        raise
    return SqliteStore(reader, writer, found[-1])


async def open_read_only(path: Path) -> SqliteStore:
    """What the last node left, for comparing. No node may run; nothing in the folder changes."""
    found: list[Found] = []
    scratch = TemporaryDirectory(prefix="holdfast-")

    def enter() -> sqlite3.Connection:
        connection = _to_read(path, Path(scratch.name))
        try:
            found.append(_found(connection))
        except BaseException:
            connection.close()
            raise
        return connection

    try:
        reader = await Lane.open(_in_our_words(enter, path), path)
    except BaseException:
        scratch.cleanup()
        raise
    return SqliteStore(reader, None, found[-1], scratch.cleanup)


def _enter(path: Path, clock: Clock, found: list[Found]) -> sqlite3.Connection:
    _check_access(path, os.R_OK | os.W_OK)
    finish(path, clock.now())
    if not path.exists():
        if traces(path):
            raise Corrupt(f"{path} is gone, though a store was here")
        make(path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        look_through(connection, clock)
        _version(connection, path)
        migrate(connection, migrations())
        compare(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(queries.TAKE["notes"], ("",))  # may it be written at all? a damaged head says no
        connection.execute("ROLLBACK")
        found.append(_found(connection))
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error | UnicodeDecodeError):
            raise on_opening(error, path) from error
        raise
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    found = version(connection)
    if found == 0:  # no store is seen at its place before it is made
        raise Corrupt(f"{path} holds no store", remedy=RESTART)
    return found


def _found(connection: sqlite3.Connection) -> Found:
    (newest,) = connection.execute(queries.LAST_EVENT).fetchone()
    return Found(reading.saved(connection), newest)


def _beside(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return _by_rows(connection)


def _by_rows(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A text that is no UTF-8 shall fail its own row, by the seal, and not the whole query."""
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def _to_read(path: Path, scratch: Path) -> sqlite3.Connection:
    """On the file itself where it is whole, else on a copy: SQLite repairs and moves on what it opens."""
    _check_access(path, os.R_OK)
    if not path.exists():
        if traces(path):
            raise Corrupt(f"{path} is gone, though a store was here", remedy=RESTART)
        return _migrated(sqlite3.connect(":memory:", isolation_level=None))
    untouched = f"{path.absolute().as_uri()}?immutable=1"
    if _is_whole(path, untouched):
        return _by_rows(sqlite3.connect(untouched, uri=True, isolation_level=None))
    return _migrated(sqlite3.connect(copy(path, scratch), isolation_level=None), path)


def _is_whole(path: Path, address: str) -> bool:
    """Nothing stands in the log, and the schema is today's."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return False
    with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        return _version(connection, path) == len(migrations())


def _migrated(connection: sqlite3.Connection, store: Path | None = None) -> sqlite3.Connection:
    try:
        if store is not None:
            _version(connection, store)
        migrate(connection, migrations())
    except BaseException:
        connection.close()
        raise
    return _by_rows(connection)


def _check_access(path: Path, mode: int) -> None:
    """Said by its cause: SQLite calls every such failure the same."""
    if path.is_dir():
        raise Invalid(
            f"{path} is a folder", remedy="the store is a file in the --data folder: move this away"
        )
    if not path.parent.is_dir():
        raise Invalid(f"{path.parent} is no folder", remedy="make it, or give another one with --data")
    for place in (path.parent, *with_sidecars(path)):
        if not os.access(place, mode, effective_ids=True):
            raise Refused(
                f"this user may not {'write to' if mode & os.W_OK else 'read'} {place}",
                remedy=f"run Holdfast as the user who owns {path.parent}, or give that folder to this one",
            )


def _in_our_words(connect: Callable[[], sqlite3.Connection], path: Path) -> Callable[[], sqlite3.Connection]:
    def connecting() -> sqlite3.Connection:
        try:
            return connect()
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise on_opening(error, path) from error

    return connecting
