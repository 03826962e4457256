"""One leader among many operators, by a Lease of the API server.

Rules: time is what passes here, never what another machine's clock says: a lease has ended when nobody
renewed it for as long as it says, by our own watch. Who cannot renew gives up well before others may take
it, and a lease that is given back is free at once.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reconciler.errors import Conflict, NotFound, Problem
from reconciler.ports.clock import Clock
from reconciler.sources.cluster.client import Client, Json

NAME: Final = "holdfast"
API: Final = "/apis/coordination.k8s.io/v1"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Term:
    """In seconds; each less than the one before."""

    lasts: float = 15.0  # a whole number: the server's
    give_up: float = 10.0  # without a renewal
    renew: float = 2.0


TERM: Final = Term()


class Lease:
    def __init__(
        self, client: Client, clock: Clock, namespace: str, identity: str, term: Term = TERM
    ) -> None:
        self._client = client
        self._clock = clock
        self._namespace = namespace
        self._identity = identity
        self._term = term
        self._path = f"{API}/namespaces/{namespace}/leases"
        self._seen: Any = None  # the other's lease as it was last
        self._seen_at = 0.0
        self._renewed = 0.0

    async def acquire(self) -> None:
        """Return as the leader, however long that takes."""
        while not await self._tried():  # noqa: ASYNC110 - nobody tells us when it is free
            await asyncio.sleep(self._term.renew)

    async def keep(self) -> str:
        """Return when we lead no more, with the reason."""
        while True:
            await asyncio.sleep(self._term.renew)
            left = self._renewed + self._term.give_up - self._clock.monotonic()
            if left <= 0:
                return f"it could not be renewed for {self._term.give_up:g} s"
            try:
                async with asyncio.timeout(left):
                    await self._tried()
            except TimeoutError:
                continue
            if self._seen is not None:
                return f"{self._seen.get('holderIdentity')} has it"

    async def release(self) -> None:
        """Let another one have it at once."""
        try:
            lease = await self._client.get(f"{self._path}/{NAME}")
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._client.put(f"{self._path}/{NAME}", lease)
        except Problem as problem:
            log.warning("the lease was not given back, and ends by itself: %s", problem)

    async def _tried(self) -> bool:
        try:
            return await self._try()
        except Problem as problem:
            log.warning("lease: %s", problem)
            return False

    async def _try(self) -> bool:
        began = self._clock.monotonic()
        try:
            lease = await self._client.get(f"{self._path}/{NAME}")
        except NotFound:
            lease = {"metadata": {"name": NAME, "namespace": self._namespace}, "spec": {}}
        if not self._free(lease["spec"]):
            return False
        created = "resourceVersion" not in lease["metadata"]
        lease["spec"] = self._ours(lease["spec"])
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **lease}
        try:
            if created:
                await self._client.post(self._path, body)
            else:
                await self._client.put(f"{self._path}/{NAME}", body)
        except Conflict:  # somebody was quicker
            return False
        self._renewed = began
        return True

    def _free(self, spec: Json) -> bool:
        """Ours, nobody's, or not renewed for as long as it lasts."""
        now = self._clock.monotonic()
        if spec.get("holderIdentity") in {None, "", self._identity}:
            self._seen = None
            return True
        if spec != self._seen:
            self._seen, self._seen_at = spec, now
        if now < self._seen_at + spec.get("leaseDurationSeconds", self._term.lasts):
            return False
        self._seen = None
        return True

    def _ours(self, spec: Json) -> Json:
        now = _stamp(self._clock.now())
        same = spec.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._term.lasts),
            "renewTime": now,
            "acquireTime": spec.get("acquireTime", now) if same else now,
            "leaseTransitions": spec.get("leaseTransitions", 0) + (not same),
        }


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
