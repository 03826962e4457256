"""One SQLite connection on its own thread, given whole pieces of work.

Rules: the hop to a thread and back costs more than most statements, so a piece of work is a function that
runs there from beginning to end; aiosqlite's own calls, one hop a statement, are not used.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Self, TypeVar, cast

import aiosqlite

P = ParamSpec("P")
R = TypeVar("R")


class Lane(aiosqlite.Connection):
    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)

    @classmethod
    async def open(cls, connector: Callable[[], sqlite3.Connection]) -> Self:
        lane = cls(connector)
        await lane
        return lane

    async def run(
        self, work: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do it after what was asked for before, on this connection's thread."""
        result = await self._execute(work, self._conn, *args, **kwargs)  # type: ignore[no-untyped-call]
        return cast("R", result)
