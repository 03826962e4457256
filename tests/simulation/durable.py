"""What outlives a crash: the store, behind a door that is slow, fails, and loses its answer.

Rules: commits keep the order in which they were called, as with one writer; a failed one has written all
or nothing; every one is shown to the witness before it counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from reconciler.ports.store import Saved, Write
from reconciler.store.memory import MemoryStore
from tests.simulation.faults import Faults


class Clerk(Protocol):
    """Who sees every commit, and checks that it may be made."""

    def handed(self, writes: Sequence[Write]) -> None: ...
    def committing(self, writes: Sequence[Write]) -> None: ...
    def committed(self, writes: Sequence[Write]) -> None: ...
    def acknowledged(self, writes: Sequence[Write]) -> None: ...


class Door:
    """The store as one process has it."""

    def __init__(self, store: MemoryStore, faults: Faults, clerk: Clerk) -> None:
        self._store = store
        self._faults = faults
        self._clerk = clerk
        self._writer = asyncio.Lock()

    async def load(self) -> Saved:
        await self._faults.before("load")
        return await self._store.load()

    async def commit(self, *writes: Write) -> None:
        self._clerk.handed(writes)
        async with self._writer:
            await self._faults.before("store")
            self._clerk.committing(writes)
            await self._store.commit(*writes)
            self._clerk.committed(writes)
            await self._faults.after("store")
            self._clerk.acknowledged(writes)
