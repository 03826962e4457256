"""What is written back to custom resources: the finalizer, its end, and the status.

Rules: each look starts from the object and from how it stands now; what is so already is not written; what
another has written meanwhile is not overwritten. One object's trouble is no other's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from reconciler.errors import Conflict, NotFound, Problem
from reconciler.model import JsonValue, Ref
from reconciler.ports import Clock
from reconciler.sources.cluster.client import Client
from reconciler.sources.cluster.mirror import Mirror
from reconciler.sources.cluster.objects import FINALIZER, CustomResource
from reconciler.sources.cluster.standing import Standing, patch, status_of

AT_ONCE: Final = 16  # requests
LOOK_S: Final = 5.0  # at all, even if nothing happens
BURST_S: Final = 0.05
AGAIN_S: Final = 5.0  # what was written is expected in the mirror within this
REFUSED_S: Final = 30.0  # what the server does not take, it may take later

Stands = Callable[[CustomResource], Standing]

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
        self._written: dict[
            Ref, tuple[str, float]
        ] = {}  # the version that was patched, and until when to wait
        mirror.subscribe(self.wake)

    def wake(self) -> None:
        """Something may stand otherwise now."""
        self._awake.set()

    async def run(self) -> None:
        while True:
            self._awake.clear()
            await self.look()
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._awake.wait()
                await asyncio.sleep(BURST_S)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Write what is not written yet."""
        gate = asyncio.Semaphore(AT_ONCE)
        now = self._clock.monotonic()
        objects = tuple(self._mirror)
        self._written = {ref: self._written[ref] for ref in self._written.keys() & {o.ref for o in objects}}
        due = [(one, wanted) for one in objects if self._rested(one, now) and (wanted := self._due(one))]
        await asyncio.gather(*(self._write(one, wanted, gate) for one, wanted in due))

    def _rested(self, one: CustomResource, now: float) -> bool:
        """The mirror has what was written last, or should have had it for long."""
        version, until = self._written.get(one.ref, ("", 0.0))
        return version != one.version or now >= until

    def _due(self, one: CustomResource) -> Patch | None:
        if not one.held and not one.terminating:
            return _with_finalizers(one, [*one.finalizers, FINALIZER])
        standing = self._stands(one)
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
