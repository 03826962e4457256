"""What SQLite and the system report, in our words: the right kind, the file's name, and a remedy."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from reconciler.errors import Corrupt, Failed, Invalid, Problem, Refused, Unavailable
from reconciler.ports.store import Revision
from reconciler.store.faults import on_opening, problem
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from tests.store.folders import stored
from tests.store.records import NOW, FixedClock

PATH = Path("/data/holdfast.db")


def reported(name: str) -> sqlite3.OperationalError:
    """An error as SQLite gives it."""
    error = sqlite3.OperationalError(name.lower())
    error.sqlite_errorname = name
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (reported("SQLITE_FULL"), Unavailable),
        (reported("SQLITE_IOERR"), Unavailable),
        (reported("SQLITE_IOERR_SHMSIZE"), Unavailable),
        (reported("SQLITE_BUSY"), Unavailable),
        (reported("SQLITE_CORRUPT"), Corrupt),
        (reported("SQLITE_NOTADB"), Corrupt),
        (reported("SQLITE_READONLY"), Refused),
        (reported("SQLITE_CANTOPEN"), Refused),
        (reported("SQLITE_NOMEM"), Failed),
        (sqlite3.OperationalError("Could not decode to UTF-8 column 'name'"), Corrupt),
        (PermissionError(13, "Permission denied"), Refused),
        (OSError(5, "Input/output error"), Unavailable),
    ],
    ids=repr,
)
def test_each_is_told_by_its_kind_with_a_remedy(error: Exception, kind: type[Problem]) -> None:
    told = problem(error, PATH)
    assert type(told) is kind
    assert isinstance(told, Problem)
    assert str(PATH) in told.message
    assert told.remedy


@pytest.mark.parametrize(
    "error", [reported("SQLITE_ERROR"), reported("SQLITE_READONLY"), reported("SQLITE_CONSTRAINT")], ids=repr
)
def test_what_is_asked_while_opening_is_right_so_the_file_is_wrong(error: Exception) -> None:
    assert type(on_opening(error, PATH)) is Corrupt


@pytest.mark.parametrize(
    "name", ["SQLITE_BUSY", "SQLITE_NOMEM", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL"]
)
def test_a_moment_of_weakness_is_no_damage(name: str) -> None:
    """Whoever takes it for damage gives a whole store away."""
    assert type(on_opening(reported(name), PATH)) is not Corrupt


def test_what_nobody_foresaw_passes_as_it_is() -> None:
    surprise = ZeroDivisionError()
    assert problem(surprise, PATH) is surprise
    assert isinstance(problem(OverflowError("too big"), PATH), Invalid)


async def test_contents_that_are_not_what_they_were_are_not_given_out(path: Path) -> None:
    await stored(path, Revision("root", "r1", NOW, "applied", files={"a.yaml": b"whole"}))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE contents SET body = ?", (b"no zlib stream",))
    connection.close()
    store: SqliteStore = await open_store(path, FixedClock())
    with pytest.raises(Corrupt, match=r"a\.yaml at revision r1 of root"):
        await store.revision_files("root", "r1")
    await store.close()
