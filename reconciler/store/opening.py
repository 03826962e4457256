"""The way in: a store is opened whole, or what is wrong with it is said.

Rules: opening reads all that the engine will go by, so that damage shows before anything is decided on it; a
damaged file is kept aside and a new one takes its place, under the note `rebuilt`.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from reconciler.errors import Corrupt
from reconciler.ports.clock import Clock
from reconciler.store import queries, reading
from reconciler.store.faults import in_our_words, on_opening
from reconciler.store.lane import Lane
from reconciler.store.looking import check_access, check_version, compare, look_through
from reconciler.store.migrating import migrate, migrations
from reconciler.store.rebuilding import finish, leave_a_trace, make, rebuild, traces
from reconciler.store.sqlite import SqliteStore

WAL_KEPT_BYTES = 16 * 1024 * 1024


async def open_store(path: Path, clock: Clock) -> SqliteStore:
    """The store of a node that runs. Only one may at a time: the data folder's lock sees to that."""
    found: list[reading.Found] = []

    def enter() -> sqlite3.Connection:
        try:
            return _enter(path, clock, found)
        except Corrupt as damage:
            rebuild(path, clock.now(), damage)
            return _enter(path, clock, found)

    writer = await Lane.open(in_our_words(enter, path), path)
    try:
        reader = await Lane.open(in_our_words(lambda: _beside(path), path), path)
    except BaseException:
        await writer.close()
        raise
    return SqliteStore(reader, writer, found[-1])


def _enter(path: Path, clock: Clock, found: list[reading.Found]) -> sqlite3.Connection:
    check_access(path, os.R_OK | os.W_OK)
    finish(path, clock.now())
    if not path.exists():
        if traces(path):
            raise Corrupt(f"{path} is gone, though a store was here")
        make(path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        look_through(connection, clock)
        check_version(connection, path)
        migrate(connection, migrations())
        compare(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(queries.TAKE["notes"], ("",))  # may it be written at all? a damaged head says no
        connection.execute("ROLLBACK")
        found.append(reading.found(connection))
        leave_a_trace(path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error | UnicodeDecodeError):
            raise on_opening(error, path) from error
        raise
    return connection


def _beside(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return reading.by_rows(connection)
