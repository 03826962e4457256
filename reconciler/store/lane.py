"""One SQLite connection on its own thread, given whole pieces of work.

Rules: the hop to a thread and back costs more than most statements, so a piece of work is a function that
runs there from beginning to end; aiosqlite's own calls, one hop a statement, are not used.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar, cast

import aiosqlite

from reconciler.errors import Unavailable
from reconciler.store.faults import problem

P = ParamSpec("P")
R = TypeVar("R")


class Lane(aiosqlite.Connection):
    def __init__(self, connect: Callable[[], sqlite3.Connection], path: Path) -> None:
        super().__init__(connect, iter_chunk_size=64)
        self._thread.daemon = True  # a process that crashes must end; what it had committed is on disk
        self.path = path

    @classmethod
    async def open(cls, connect: Callable[[], sqlite3.Connection], path: Path) -> Self:
        """Connect, on the thread that does all the rest too; `path` is what errors speak of."""
        lane = cls(connect, path)
        try:
            await lane
        except BaseException:
            lane._thread.join()  # it was told to end; later it might speak to a loop that is gone
            raise
        return lane

    async def run(
        self, work: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do it after what was asked for before, on this connection's thread."""
        if not self._running:
            raise Unavailable(f"{self.path} is closed", remedy="the node is stopping: ask the next one")
        try:
            result = await self._execute(work, self._conn, *args, **kwargs)  # type: ignore[no-untyped-call]
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise problem(error, self.path) from error
        return cast("R", result)
