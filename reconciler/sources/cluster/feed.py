"""The custom resources as the revisions of a source: each of them a manifest in a tree that nobody else has.

Rules: what bears no finalizer of ours is not taken in yet, and what was deleted not any more. One that is
wrong keeps its last good version, and no other's fate hangs on it: its identity is the server's, so nothing
about it is in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from reconciler.errors import NotFound
from reconciler.model import EMPTY, Ref
from reconciler.ports.clock import Clock
from reconciler.ports.feed import Fetched
from reconciler.ports.kinds import Kinds
from reconciler.sources.cluster.mirror import Mirror
from reconciler.sources.cluster.objects import CustomResource
from reconciler.sources.manifest import read
from reconciler.sources.stored_tree import FleetingTree

QUIET_S: Final = 0.02  # changes come in bursts: `kubectl apply` of a folder is one revision rather than many

Recall = Callable[[str], Awaitable[Mapping[str, bytes]]]
"""The contents of an earlier revision, by what was kept of it."""


class ClusterFeed:
    deaf = ""  # a watch that breaks off is an error, and begun anew

    def __init__(self, mirror: Mirror, kinds: Kinds, recall: Recall, clock: Clock, scratch: Path) -> None:
        self._mirror = mirror
        self._kinds = kinds
        self._recall = recall
        self._clock = clock
        self._scratch = scratch
        self._news = asyncio.Event()
        self._good: Mapping[str, bytes] | None = None  # what was last found to be right, by path
        self._generations: dict[str, dict[Ref, int]] = {}  # by revision
        self.wrong: Mapping[Ref, str] = EMPTY  # what is wrong with those that are
        mirror.subscribe(self._news.set)

    async def changed(self) -> None:
        await self._news.wait()
        await asyncio.sleep(QUIET_S)

    def poke(self) -> None:
        self._news.set()

    async def latest(self, applied: str = "") -> Fetched:
        self._news.clear()
        self._mirror.check()
        if self._good is None:
            self._good = await self._kept(applied)
        objects = [one for one in self._mirror if one.held and not one.terminating]
        files, wrong = await asyncio.to_thread(self._judged, objects, self._good)
        revision = sha256(
            b"\0".join(path.encode() + b"\0" + text for path, text in sorted(files.items()))
        ).hexdigest()
        self._good, self.wrong = files, wrong
        self._generations[revision] = {one.ref: one.generation for one in objects if one.ref not in wrong}
        tree = FleetingTree(files, EMPTY, self._scratch)
        deleted = [one for one in self._mirror if one.terminating]
        return Fetched(
            revision,
            tree,
            tree.digests,
            self._clock.now(),
            allow_prune=any(one.allows_prune for one in deleted),
            deleted=frozenset(one.ref for one in deleted),
            notices=tuple(f"{ref}: {why}" for ref, why in sorted(wrong.items())),
        )

    def generation(self, revision: str, ref: Ref) -> int | None:
        """Which generation of a resource a revision holds."""
        return self._generations.get(revision, EMPTY).get(ref)

    async def at(self, revision: str) -> Fetched:
        raise NotFound(f"the cluster keeps no past, and revision {revision} was not kept here")

    async def collect(self, keep: Collection[str]) -> None:
        self._generations = {one: known for one, known in self._generations.items() if one in keep}

    async def discard(self) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        """The mirror goes on: it is not the feed's."""

    async def _kept(self, applied: str) -> Mapping[str, bytes]:
        """What was in force when the process before this one ended: what is wrong now may be right there."""
        try:
            return await self._recall(applied) if applied else {}
        except NotFound:
            return {}

    def _judged(
        self, objects: Collection[CustomResource], good: Mapping[str, bytes]
    ) -> tuple[dict[str, bytes], dict[Ref, str]]:
        files: dict[str, bytes] = {}
        wrong: dict[Ref, str] = {}
        for one in objects:
            before = good.get(one.path)
            complaint = "" if before == one.text else self._complaint(one)
            if complaint:
                wrong[one.ref] = complaint
            if not complaint:
                files[one.path] = one.text
            elif before is not None:
                files[one.path] = before
        return files, wrong

    def _complaint(self, one: CustomResource) -> str:
        """Whatever speaks against it, in the words of the command line."""
        problems = read(one.text, one.path, self._kinds).problems
        told = (f"{each.path}: {each.reason}" if each.path else each.reason for each in problems)
        remedies = (f" ({each.remedy})" if each.remedy else "" for each in problems)
        return "; ".join(text + remedy for text, remedy in zip(told, remedies, strict=True))
