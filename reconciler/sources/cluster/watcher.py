"""Keeps one part of the mirror current: lists a kind, watches from there on, and lists again when it must.

Rules: a cut watch goes on from the last version seen, and what is too old to go on from is listed anew; a
failure is told and tried again, less and less often, for ever. A kind that the cluster does not know keeps
what it had: whoever removes a definition has first removed what is of that kind, and that was seen.
"""

from __future__ import annotations

import asyncio
from typing import Final

from reconciler.errors import NotFound, Problem
from reconciler.model import EMPTY
from reconciler.ports.clock import Clock
from reconciler.sources.cluster.client import Client, Expired
from reconciler.sources.cluster.mirror import Mirror
from reconciler.sources.cluster.objects import CustomResource, collection, plural, read

RETRY_S: Final = 0.5
LONGEST_S: Final = 30.0
RELIST_S: Final = 600.0
PAGE: Final = 500


def part(kind: str, namespace: str) -> str:
    """What of the mirror one watcher keeps."""
    return f"{kind}/{namespace or 'all namespaces'}"


class Watcher:
    def __init__(
        self, client: Client, mirror: Mirror, clock: Clock, scope: tuple[str, str], page: int = PAGE
    ) -> None:
        self._kind, namespace = scope
        self._part = part(*scope)
        self._clock = clock
        self._page = page
        self._client = client
        self._mirror = mirror
        self._path = collection(self._kind, namespace)
        self._version = ""  # to go on from; empty: it must be listed
        self._listed_at = 0.0
        self._failures = 0

    async def run(self) -> None:
        while True:
            try:
                await self._follow()
            except Expired:
                self._version = ""
            except NotFound:
                self._failed(f"the cluster knows no {plural(self._kind)}: apply manifests/crds first")
            except Problem as problem:
                self._failed(str(problem))
            if self._failures:
                await asyncio.sleep(min(LONGEST_S, RETRY_S * 2.0 ** min(self._failures - 1, 10)))

    def _failed(self, why: str) -> None:
        self._failures += 1
        self._mirror.trouble(self._part, why)

    async def _follow(self) -> None:
        """Until the watch ends, as it does every few minutes."""
        if not self._version or self._clock.monotonic() > self._listed_at + RELIST_S:
            await self._list()
        async for event in self._client.watch(self._path, self._version):
            self._well()
            self._take(event["type"], event["object"])
        self._well()

    def _well(self) -> None:
        self._failures = 0
        self._mirror.trouble(self._part, "")

    async def _list(self) -> None:
        began = self._clock.monotonic()
        found: list[CustomResource] = []
        more = ""
        while True:
            page = await self._client.get(
                self._path, limit=str(self._page), **({"continue": more} if more else EMPTY)
            )
            found += [read(self._kind, raw) for raw in page["items"]]
            more = page["metadata"].get("continue", "")
            if not more:
                break
        self._mirror.replace(self._part, found)
        self._version, self._listed_at = page["metadata"]["resourceVersion"], began
        self._well()

    def _take(self, event: str, raw: dict[str, object]) -> None:
        metadata = raw["metadata"]
        assert isinstance(metadata, dict)  # noqa: S101 - the API's own form
        if event != "BOOKMARK":
            one = read(self._kind, raw)
            if event == "DELETED":
                self._mirror.drop(self._part, one.ref)
            else:
                self._mirror.put(self._part, one)
        self._version = metadata["resourceVersion"]
