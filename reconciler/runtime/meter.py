"""Measures what services use: at intervals for the history, and whenever somebody asks.

Rules: where nothing runs nothing is written; a look that fails is a gap in the history, and the node goes on;
the pauses grow, in bounds, with what a round takes of a processor. Whoever asks between two rounds gets a
look of this moment, which is not kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import process_time

from reconciler.errors import Problem
from reconciler.model import Ref
from reconciler.ports.store import Sampled
from reconciler.ports.usage import Usage
from reconciler.runtime.parts import Parts

FRESH_S = 1.0  # a look that is not older will do: however many ask, the machine is looked through once
SHARE = 1000  # a pause is at least so many times as long as the round before it has computed, if it may be
SLOWEST = 4  # intervals are the longest pause: a round may have computed while others did as well

log = logging.getLogger(__name__)

Round = Mapping[Ref, Sampled]
"""What all that runs was seen to use in one look."""


class Meter:
    def __init__(self, node: Parts, computed: Callable[[], float] = process_time) -> None:
        """`computed` tells how many seconds of processors this process has had."""
        self._node = node
        self._computed = computed
        self._looking = asyncio.Lock()
        self._looked: float | None = None  # when the latest look began, on the monotonic clock
        self._before: Round = {}
        self._latest: Round = {}

    async def run(self, interval_s: float) -> None:
        """Keep a round of measurements at each interval."""
        while True:
            before = self._computed()
            try:
                latest, _ = await self.look()
                await self._node.store.commit(*latest.values())
            except Problem as problem:
                log.warning("what services use is not measured: %s", problem.message)
            sparing_s = SHARE * (self._computed() - before)
            await asyncio.sleep(min(max(interval_s, sparing_s), SLOWEST * interval_s))

    @property
    def latest(self) -> Round:
        """What was seen when somebody looked last."""
        return self._latest

    async def look(self) -> tuple[Round, Round]:
        """What all that runs uses just now, and what it was seen to use the time before."""
        async with self._looking:
            now = self._node.clock.monotonic()
            if self._looked is None or now - self._looked >= FRESH_S:
                latest = await self._read()
                self._before, self._latest, self._looked = self._latest, latest, now
            return self._latest, self._before

    async def _read(self) -> Round:
        found: dict[Ref, Usage] = {}
        for name in sorted({entry.ref.kind for entry in self._node.engine.book}):
            try:
                found |= await self._node.kinds[name].usage(self._node.uses[name])
            except Problem:
                raise
            except Exception:
                log.exception("kind %s cannot say what it uses", name)
        now = self._node.clock.now()
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as precise as anybody is told
        return {ref: Sampled(ref, at, used, used.memory_bytes) for ref, used in found.items()}
