"""Looking for what may be wrong with a file that is about to be trusted.

Rules: the tables that the engine acts on are compared with their indexes, row by row; the rest, which may be
large, is looked through page by page, and for a bounded time: its rows carry seals, which are read with them.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from reconciler.errors import Corrupt, Invalid, Refused
from reconciler.ports.clock import Clock
from reconciler.store.migrating import version
from reconciler.store.remedies import RESTART
from reconciler.store.stamps import with_sidecars

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


def check_access(path: Path, mode: int) -> None:
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


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    found = version(connection)
    if found == 0:  # no store is seen at its place before it is made
        raise Corrupt(f"{path} holds no store", remedy=RESTART)
    return found
