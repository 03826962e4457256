"""Who was not let in, as the audit trail remembers it.

Rules: the first refusal of an address is an event at once, those of the minute after it are counted into the
next one: whoever knocks without end fills no log. No credential gets in here, only who asked for what.
"""

from __future__ import annotations

import asyncio
import logging

from litestar.types import HTTPScope

from api.errors import CODE, STATUS
from reconciler.errors import Problem
from reconciler.runtime.asker import Asker
from reconciler.runtime.parts import Parts

REFUSED = frozenset({STATUS["UNAUTHORIZED"], STATUS["FORBIDDEN"]})
APART_S = 60.0
MOST = 1000  # addresses that are remembered; when there are more, all begin anew

log = logging.getLogger(__name__)


class Refusals:
    def __init__(self, node: Parts) -> None:
        self._node = node
        self._seen: dict[str, tuple[float, int]] = {}  # address -> when it was told, and how many since
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, scope: HTTPScope, route: str, status: int) -> None:
        if status not in REFUSED:
            return
        client = scope.get("client")
        address = client[0] if client else ""
        now = self._node.clock.monotonic()
        told, more = self._seen.get(address, (now - APART_S, 0))
        if now - told < APART_S:
            self._seen[address] = told, more + 1
            return
        if len(self._seen) >= MOST:
            self._seen.clear()
        self._seen[address] = now, 0
        task = asyncio.get_running_loop().create_task(self._write(scope, route, status, address, more))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, scope: HTTPScope, route: str, status: int, address: str, more: int) -> None:
        state = scope["state"]
        actor = getattr(state.get("caller"), "actor", "anonymous")
        by = Asker(actor, str(state.get("request_id", "")), address=address)
        data = {"method": scope["method"], "route": route, "result": CODE[status], "more_before": more}
        try:
            await self._node.store.commit(by.event("auth.refused", self._node.clock.now(), data))
        except Problem as problem:
            log.warning("a refusal is not recorded: %s", problem.message)
