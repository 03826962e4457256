"""Looking for damage in a file that is about to be trusted.

Rules: the tables that the engine acts on are compared with their indexes, row by row; the rest, which may be
large, is looked through page by page, and for a bounded time: its rows carry seals, which are read with them.
"""

from __future__ import annotations

import sqlite3

from reconciler.errors import Corrupt
from reconciler.ports import Clock

ACTED_ON = ("inventory", "memory", "statuses", "overrides", "notes", "revisions")
A_LOOK_S = 2.0
STEPS_BETWEEN_CLOCKS = 20_000


def look_through(connection: sqlite3.Connection, clock: Clock) -> None:
    """Every page of the file, as far as the time goes."""
    end = clock.monotonic() + A_LOOK_S
    connection.set_progress_handler(lambda: clock.monotonic() > end, STEPS_BETWEEN_CLOCKS)
    try:
        _expect_ok(connection, "PRAGMA quick_check(1)")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        connection.set_progress_handler(None, 0)


def compare(connection: sqlite3.Connection) -> None:
    """What the engine acts on: no row may be missing from its index, and none be twice."""
    for table in ACTED_ON:
        _expect_ok(connection, f"PRAGMA integrity_check({table})")


def _expect_ok(connection: sqlite3.Connection, question: str) -> None:
    (answer,) = connection.execute(question).fetchone()
    if answer != "ok":
        raise Corrupt(f"the store is damaged: {answer}")
