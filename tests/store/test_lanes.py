"""However many ask at once, the store has the connections that it was opened with."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reconciler.model import Event
from reconciler.runtime.clock import SystemClock
from reconciler.store.opening import open_store


def opened(path: Path) -> int:
    """How often this process holds the file open."""
    links = (one.resolve() for one in Path("/proc/self/fd").iterdir() if one.is_symlink())
    return sum(1 for link in links if link == path.resolve())


@pytest.mark.req("CORE-22")
async def test_connections_are_opened_once_and_shared(tmp_path: Path) -> None:
    clock = SystemClock()
    store = await open_store(tmp_path / "store.db", clock)
    try:
        before = opened(tmp_path / "store.db")
        event = Event("test.done", clock.now())
        for _ in range(3):
            writes = (store.commit(event) for _ in range(50))
            reads = (store.events(0, 10) for _ in range(50))
            await asyncio.gather(*writes, *reads)
            assert opened(tmp_path / "store.db") == before == 2, "one that writes, and one that reads"
    finally:
        await store.close()
    assert opened(tmp_path / "store.db") == 0
