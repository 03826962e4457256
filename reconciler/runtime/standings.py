"""How each custom resource stands, by what the engine and its source know.

Rules: a status is told with the generation that it is about, and never as one of a wish that the engine has
not judged yet; what keeps a wish from coming into force is told with its reason.
"""

from __future__ import annotations

from reconciler.engine.entry import Entry
from reconciler.model import Ref
from reconciler.runtime import resource_views
from reconciler.runtime.node import Node
from reconciler.runtime.own_sources import ROOT
from reconciler.sources.cluster.feed import ClusterFeed
from reconciler.sources.cluster.objects import CustomResource
from reconciler.sources.cluster.standing import Standing

INVALID = "Invalid"
CONFLICT = "Conflict"


class Standings:
    def __init__(self, node: Node, feed: ClusterFeed) -> None:
        self._node = node
        self._feed = feed

    def mark(self, one: CustomResource) -> object:
        entry = self._node.engine.book.get(one.ref)
        known = (entry.status, entry.seen) if entry is not None else None
        state = self._node.sources.state(ROOT)
        held = state.held if state is not None else ""
        return (
            known,
            held,
            self._in_force(one.ref),
            self._feed.wrong.get(one.ref),
            self._node.engine.wishes.clashes,
        )

    def standing(self, one: CustomResource) -> Standing:
        entry = self._node.engine.book.get(one.ref)
        obstacle, stalled = self._obstacle(one)
        return Standing(
            status=entry.status if entry is not None else None,
            generation=self._generation(one, entry),
            columns=self._columns(entry),
            obstacle=obstacle,
            stalled=stalled,
            gone=self._gone(one, entry),
        )

    def _generation(self, one: CustomResource, entry: Entry | None) -> int | None:
        if entry is None or entry.status is None or entry.status.observed_generation != entry.generation:
            return None
        return one.generation if one.terminating else self._in_force(one.ref)

    def _in_force(self, ref: Ref) -> int | None:
        state = self._node.sources.state(ROOT)
        return self._feed.generation(state.revision, ref) if state is not None else None

    def _columns(self, entry: Entry | None) -> dict[str, str]:
        if entry is None or entry.want is None:
            return {}
        return resource_views.columns(entry, self._node.engine.book, self._node.kinds)

    def _obstacle(self, one: CustomResource) -> tuple[tuple[str, str] | None, bool]:
        """Why what is written there is not in force, and whether somebody must change something."""
        state = self._node.sources.state(ROOT)
        if one.ref in self._feed.wrong:
            return (INVALID, self._feed.wrong[one.ref]), True
        for clash in self._node.engine.wishes.clashes:
            if clash.ref == one.ref and clash.refused.source == ROOT:
                return (CONFLICT, str(clash)), True
        if (
            state is not None
            and state.held
            and (one.terminating or self._in_force(one.ref) != one.generation)
        ):
            return (state.held, "; ".join(state.problems)), False
        return None, False

    def _gone(self, one: CustomResource, entry: Entry | None) -> bool:
        """The wish was taken back, and reality was seen without it; or another source wants it."""
        snapshot = self._node.engine.snapshot(ROOT)
        if snapshot is None or one.ref in snapshot.resources:
            return False
        return entry is None or (entry.want is not None and entry.want.origin.source != ROOT)
