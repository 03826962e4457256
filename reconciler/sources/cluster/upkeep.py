"""What is written back to custom resources: the finalizer, its end, and the status.

Rules: each look starts from the object and from how it stands now, so that what wakes it may come too often
or not at all; what is so already is not written; what another has written meanwhile is not overwritten. One
object's trouble is no other's.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from reconciler.errors import Conflict, NotFound, Problem
from reconciler.model import JsonValue, Ref
from reconciler.ports.clock import Clock
from reconciler.sources.cluster.client import Client
from reconciler.sources.cluster.mirror import Mirror
from reconciler.sources.cluster.objects import FINALIZER, CustomResource
from reconciler.sources.cluster.standing import Standing, patch, status_of

AT_ONCE: Final = 16  # requests
GLANCE_S: Final = 2.0  # whether the node has come to know more, even if nobody says so
LOOK_S: Final = 60.0  # at all, even if nothing seems to have happened
BURST_S: Final = 0.05
AGAIN_S: Final = 5.0  # what was written is expected in the mirror within this
REFUSED_S: Final = 30.0  # what the server does not take, it may take later


class Stands(Protocol):
    """What the node knows."""

    def standing(self, one: CustomResource) -> Standing: ...
    def mark(self, one: CustomResource) -> object:
        """Cheap to tell, and another one whenever it may stand otherwise."""
        ...


log = logging.getLogger(__name__)


class Patch(NamedTuple):
    path: str
    body: JsonValue


class Upkeep:
    def __init__(self, client: Client, mirror: Mirror, stands: Stands, clock: Clock) -> None:
        self._client = client
        self._mirror = mirror
        self._stands = stands
        self._clock = clock
        self._awake = asyncio.Event()
        self._marks: dict[Ref, object] = {}  # of the last look at each
        self._all_due_at = 0.0
        self._written: dict[Ref, tuple[str, float]] = {}  # the version that was patched, and how long to wait
        mirror.subscribe(self.wake)

    def wake(self) -> None:
        """Something may stand otherwise now."""
        self._awake.set()

    async def run(self) -> None:
        while True:
            self._awake.clear()
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(GLANCE_S):
                    await self._awake.wait()
                await asyncio.sleep(BURST_S)

    async def look(self) -> None:
        """Write what is not written yet."""
        gate = asyncio.Semaphore(AT_ONCE)
        writes = [(one, wanted) for one in self._moved() if (wanted := self._wanted(one))]
        await asyncio.gather(*(self._write(one, wanted, gate) for one, wanted in writes))

    def _moved(self) -> list[CustomResource]:
        """Those of which something is new, and now and then all."""
        now = self._clock.monotonic()
        before = self._marks
        if now >= self._all_due_at:
            before, self._all_due_at = {}, now + LOOK_S
        moved: list[CustomResource] = []
        marks: dict[Ref, object] = {}
        for one in self._mirror:
            mark = one, self._stands.mark(one)
            if mark == before.get(one.ref):
                marks[one.ref] = mark
            elif self._rested(one, now):  # else it stays new
                marks[one.ref] = mark
                moved.append(one)
        self._marks = marks
        self._written = {ref: self._written[ref] for ref in self._written.keys() & marks.keys()}
        return moved

    def _rested(self, one: CustomResource, now: float) -> bool:
        """The mirror has what was written last, or should have had it for long."""
        version, until = self._written.get(one.ref, ("", 0.0))
        return version != one.version or now >= until

    def _wanted(self, one: CustomResource) -> Patch | None:
        if not one.held and not one.terminating:
            return _with_finalizers(one, [*one.finalizers, FINALIZER])
        standing = self._stands.standing(one)
        if one.terminating and standing.gone:
            left = [name for name in one.finalizers if name != FINALIZER]
            return _with_finalizers(one, left) if one.held else None
        changes = patch(one, status_of(one, standing, self._clock.now()))
        return Patch(f"{one.address}/status", {"status": changes}) if changes else None

    async def _write(self, one: CustomResource, wanted: Patch, gate: asyncio.Semaphore) -> None:
        wait_s = AGAIN_S
        async with gate:
            try:
                await self._client.patch(wanted.path, wanted.body)
            except (NotFound, Conflict):
                pass  # it is gone, or has moved on: the mirror will tell
            except Problem as problem:
                wait_s = AGAIN_S if problem.retriable else REFUSED_S
                log.warning("%s: %s", one.ref, problem)
        self._written[one.ref] = one.version, self._clock.monotonic() + wait_s


def _with_finalizers(one: CustomResource, names: list[str]) -> Patch:
    """A list is replaced whole, so only if it is still the one that we know."""
    return Patch(one.address, {"metadata": {"resourceVersion": one.version, "finalizers": names}})
