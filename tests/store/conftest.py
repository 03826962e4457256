"""Both stores, so that one suite holds the fake and the real one to the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.store.memory import MemoryStore
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from tests.store.records import AnyStore, FixedClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "holdfast.db"


@pytest.fixture
async def sqlite(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_store(path, FixedClock())
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[AnyStore]:
    opened = MemoryStore() if request.param == "memory" else await open_store(path, FixedClock())
    yield opened
    await opened.close()
