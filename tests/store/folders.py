"""What lies in a folder, byte for byte, and stores that were left as a kill leaves them."""

from __future__ import annotations

import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path

from reconciler.ports.store import Write
from reconciler.store import rows
from reconciler.store.migrating import migrate, migrations
from reconciler.store.opening import open_store
from reconciler.store.writing import write
from tests.store.records import FixedClock

TRACE = ".holdfast.db-was-here"


def contents(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Each file's digest, mode and time of change."""
    return {
        file.name: (sha256(file.read_bytes()).hexdigest(), file.stat().st_mode, file.stat().st_mtime_ns)
        for file in sorted(folder.iterdir())
        if file.is_file()
    }


async def left_by_a_kill(path: Path, *commits: Write) -> None:
    """A store whose last commits stand in the write-ahead log only: its files as they were amid its life."""
    elsewhere = path.with_name("alive")
    elsewhere.mkdir()
    store = await open_store(elsewhere / path.name, FixedClock())
    try:
        for one in commits:
            await store.commit(one)
        for file in elsewhere.iterdir():
            shutil.copy2(file, path.parent)
    finally:
        await store.close()
    shutil.rmtree(elsewhere)
    assert path.with_name(f"{path.name}-wal").stat().st_size


async def stored(path: Path, *writes: Write) -> None:
    """A store that holds these, closed as it should be."""
    store = await open_store(path, FixedClock())
    await store.commit(*writes)
    await store.close()


def older(path: Path, *writes: Write) -> None:
    """A store that holds these, as the first schema has it."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        migrate(connection, migrations()[:1])
        ops = [op for one in writes for op in rows.ops(one)]
        (failed,) = write(connection, [[op for op in ops if op.table != "events"]]).errors
        assert failed is None
        for op in ops:
            if op.table == "events":  # as they were written before there was a chain
                names = "name, at, kind, namespace, subject, actor, request_id, trace_id, data, seal"
                put = f"INSERT INTO events ({names}) VALUES ({', '.join('?' * len(op.row))})"  # noqa: S608
                connection.execute(put, op.row)
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
