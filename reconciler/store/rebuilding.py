"""A new store, made beside its place and then put there; and what becomes of one that is damaged.

Rules: whatever is at the store's own name is whole, however this ends; a damaged file is moved aside with its
helper files, never repaired and never deleted; of its content goes along only what still bears its seal and
could not be had back from reality: notes and overrides. Event ids go on above all that were ever given.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from reconciler.errors import Corrupt
from reconciler.model import Event
from reconciler.ports.store import Note, Write
from reconciler.store import columns, queries, rows
from reconciler.store.migrating import migrate, migrations
from reconciler.store.stamps import with_sidecars
from reconciler.store.writing import write

R = TypeVar("R")


class Salvage(NamedTuple):
    """What goes along from a damaged store."""

    writes: Sequence[Write] = ()
    last_event: int = 0


NOTHING = Salvage()


def make(path: Path, salvage: Salvage = NOTHING) -> None:
    """Put a new store at `path`, where none is."""
    fresh = path.with_name(f"{path.name}.new")
    for leftover in with_sidecars(fresh):
        leftover.unlink()
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = sqlite3.connect(fresh, isolation_level=None)
    try:
        migrate(connection, migrations())
        if salvage.last_event:
            connection.execute(queries.GO_ON_ABOVE, (salvage.last_event,))
        (failed,) = write(connection, [[op for one in salvage.writes for op in rows.ops(one)]]).errors
        if failed is not None:
            raise failed
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    fresh.rename(path)
    _sync(path.parent)


def rebuild(path: Path, now: datetime, damage: Corrupt) -> None:
    """Keep the damaged store aside, and put a new one in its place that says so."""
    saved = salvaged(path)
    said = {"at": now.isoformat(), "reason": damage.message, "aside": _aside(path, now).name}
    news = (Note("rebuilt", said), Event("store.rebuilt", now, data=said))
    # Milliseconds since 1970 are more than any count of events: ids go on even where the last one is lost.
    last = max(saved.last_event, columns.moment(now) // 1000)
    make(_rebuilt(path), Salvage((*saved.writes, *news), last))
    finish(path, now)


def finish(path: Path, now: datetime) -> None:
    """Let the new store take the place of the damaged one, if one was made; again after a crash amid it."""
    if not _rebuilt(path).exists():
        return
    aside = _aside(path, now)
    for file in with_sidecars(path):
        file.rename(aside.with_name(aside.name + file.name.removeprefix(path.name)))
    _rebuilt(path).rename(path)
    _sync(path.parent)


def _rebuilt(path: Path) -> Path:
    return path.with_name(f"{path.name}.rebuilt")


def _aside(path: Path, now: datetime) -> Path:
    stem = f"{path.name}.corrupt-{now:%Y%m%dT%H%M%SZ}"
    count = sum(1 for _ in path.parent.glob(f"{stem}*"))
    return path.with_name(f"{stem}-{count}" if count else stem)


def leave_a_trace(path: Path) -> None:
    """By another name, which whoever deletes the store and all that is named after it does not delete too."""
    mark = _mark(path)
    if not mark.exists():
        mark.touch(mode=0o600)
        _sync(path.parent)


def _mark(path: Path) -> Path:
    return path.with_name(f".{path.name}-was-here")


def traces(path: Path) -> list[Path]:
    """What shows that a store was here before."""
    marks = [mark] if (mark := _mark(path)).exists() else []
    return [*marks, *with_sidecars(path), *path.parent.glob(f"{path.name}.corrupt-*")]


def copy(path: Path, folder: Path) -> Path:
    """A copy that can be opened without touching the original. The index of the log is made anew from it."""
    for file in with_sidecars(path):
        if not file.name.endswith("-shm"):
            shutil.copyfile(file, folder / file.name)
    return folder / path.name


def salvaged(path: Path) -> Salvage:
    """Notes and overrides whose seal holds, and the last event's id, as far as they can be read."""
    if not path.exists():
        return NOTHING
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        connection = sqlite3.connect(copy(path, Path(folder)), isolation_level=None)
        try:
            notes = _readable(connection, queries.TABLES["notes"], lambda row: Note(*rows.note(row)))
            overrides = _readable(connection, queries.TABLES["overrides"], rows.override)
            last = _readable(connection, queries.LAST_EVENT, lambda row: int(row[0]))
            return Salvage([*notes, *overrides], max(last, default=0))
        finally:
            connection.close()


def _readable(connection: sqlite3.Connection, query: str, decode: Callable[[columns.Row], R]) -> Iterator[R]:
    try:
        for row in connection.execute(query):
            try:
                yield decode(row)
            except (Corrupt, ValueError, TypeError):
                continue
    except (sqlite3.Error, UnicodeDecodeError):
        return


def _sync(folder: Path) -> None:
    """Make the new name durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
