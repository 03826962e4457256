"""Group commit: whoever commits while a transaction is under way shares the next one.

Rules: one transaction at a time; callers come in the order in which they called, and each learns its own
outcome; a caller that stopped waiting has its writes made all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from reconciler.errors import Unavailable
from reconciler.model import Event
from reconciler.store.faults import problem
from reconciler.store.lane import Lane
from reconciler.store.rows import Op
from reconciler.store.writing import write


class _Waiting(NamedTuple):
    ops: Sequence[Op]
    done: asyncio.Future[None]


class GroupCommit:
    def __init__(self, lane: Lane, publish: Callable[[Sequence[Event]], None]) -> None:
        self._lane = lane
        self._publish = publish
        self._waiting: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None
        self._closed = False

    async def commit(self, ops: Sequence[Op]) -> None:
        if self._closed:
            raise Unavailable(f"{self._lane.path} is closed", remedy="the node is stopping: ask the next one")
        mine = _Waiting(ops, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await mine.done

    async def close(self) -> None:
        """Make what was asked for, then no more. The connection itself is left to who opened it."""
        self._closed = True
        if self._flushing is not None:
            await self._flushing

    async def _flush(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                outcome = await self._lane.run(write, [one.ops for one in group])
            except Exception as error:  # noqa: BLE001 - nobody may wait for ever, whatever went wrong
                _settle(group, [error] * len(group))
                continue
            self._publish(outcome.events)
            _settle(group, [error and problem(error, self._lane.path) for error in outcome.errors])
        self._flushing = None


def _settle(group: Sequence[_Waiting], errors: Sequence[Exception | None]) -> None:
    for one, error in zip(group, errors, strict=True):
        if one.done.done():
            continue
        if error is None:
            one.done.set_result(None)
        else:
            one.done.set_exception(error)
