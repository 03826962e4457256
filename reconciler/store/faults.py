"""What SQLite reports, in the words of Holdfast: the cause, the file, and what a person can do.

Rules: what cannot be told apart from damage is `Corrupt` only while the file is opened, when all that is
asked of it is known to be right; what nobody foresaw passes as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from reconciler.errors import Corrupt, Failed, Invalid, Problem, Refused, Unavailable
from reconciler.store.remedies import RESTART

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
FORBIDDEN = {sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}
HELD = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
UNFIT = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}
# Statements that are known to be right, on a file that may be written: these are then the file's fault.
# Python gives no code at all when a text in it is no UTF-8.
DAMAGED_WHEN_OPENED = {*DAMAGED, *UNFIT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY, None}


def problem(error: Exception, path: Path) -> Exception:
    """The error that a caller of the store gets."""
    match error:
        case sqlite3.Error():
            return _of_sqlite(error, path)
        case UnicodeDecodeError():
            return Corrupt(f"{path} is damaged: it holds a text that is none", remedy=RESTART)
        case OverflowError() | UnicodeError():
            return Invalid(f"what is to be stored does not fit into {path}: {error}")
        case PermissionError():
            return Refused(f"{path}: {error.strerror}", remedy=f"see that this user owns {path.parent}")
        case OSError():
            return Unavailable(
                f"{path}: {error.strerror or error}", remedy=f"see that {path.parent} can be used"
            )
    return error


def on_opening(error: Exception, path: Path) -> Exception:
    """The same, for a file whose state is what is being asked."""
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) in DAMAGED_WHEN_OPENED:
        return Corrupt(f"{path} is damaged: {error}", remedy=RESTART)
    return problem(error, path)


def callers_own(error: Exception) -> bool:
    """Whether it comes from what one caller brought, so that others may fare better without that one."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in {*UNFIT, sqlite3.SQLITE_FULL}
    return True


def _of_sqlite(error: sqlite3.Error, path: Path) -> Problem:
    name = getattr(error, "sqlite_errorname", "")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    undecodable = isinstance(error, sqlite3.OperationalError) and not name
    if code in DAMAGED or undecodable:
        return Corrupt(f"{path} is damaged: {error}", remedy=RESTART)
    if code == sqlite3.SQLITE_FULL:
        return Unavailable(
            f"nothing was stored: the disk that holds {path} is full",
            remedy="make room on it; the node goes on by itself",
        )
    if code == sqlite3.SQLITE_IOERR:
        return Unavailable(
            f"reading or writing {path} failed: {error} ({name})",
            remedy=f"see that the disk that holds {path.parent} has room and works",
        )
    if code in FORBIDDEN:
        return Refused(
            f"{path} cannot be opened and written: {error} ({name})",
            remedy=f"see that this user owns {path.parent}, and that it is not mounted read-only",
        )
    if code in HELD:
        return Unavailable(
            f"another program holds {path} locked", remedy="end it: only the node may write to its store"
        )
    if code in UNFIT:
        return Invalid(f"what is to be stored is not allowed by the schema of {path}: {error}")
    return Failed(f"{path}: {error} {name}".rstrip(), remedy="try again; if it stays so, report it")


def in_our_words(connect: Callable[[], sqlite3.Connection], path: Path) -> Callable[[], sqlite3.Connection]:
    def connecting() -> sqlite3.Connection:
        try:
            return connect()
        except Problem:
            raise
        except Exception as error:
            raise on_opening(error, path) from error

    return connecting
