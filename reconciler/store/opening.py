"""Opening the store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from reconciler.ports import Clock
from reconciler.store import queries
from reconciler.store.lane import Lane
from reconciler.store.sqlite import SqliteStore

MIGRATIONS = Path(__file__).with_name("migrations")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_mode = WAL")
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        connection.executescript("BEGIN;" + (MIGRATIONS / "0001_first.sql").read_text() + "COMMIT;")
    return connection


async def open_store(path: Path, clock: Clock) -> SqliteStore:
    clock.now()
    writer = await Lane.open(lambda: _connect(path))
    reader = await Lane.open(lambda: _connect(path))
    ((newest,),) = await reader.run(lambda c: c.execute(queries.LAST_EVENT).fetchall())
    return SqliteStore(writer, reader, newest)
