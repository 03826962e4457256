"""What every store keeps to, with a disk or without: the contract of the `Store` port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.model import Ref
from reconciler.ports import Drop, Kept, Saved
from reconciler.store import MemoryStore, SqliteStore, open_store


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 21, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore | MemoryStore]:
    opened: SqliteStore | MemoryStore = MemoryStore()
    if request.param == "sqlite":
        opened = await open_store(tmp_path / "holdfast.db", FixedClock())
    yield opened
    await opened.close()


async def test_what_was_committed_is_loaded(store: SqliteStore | MemoryStore) -> None:
    ref = Ref("Service", "default", "web")
    kept = Kept(ref, {"command": ["web"]}, "digest", 1, source="root", revision="r1")
    await store.commit(kept)
    assert (await store.load()).inventory == {ref: kept}
    await store.commit(Drop(ref))
    assert await store.load() == Saved({}, {}, {}, [], {})
