"""The files of whichever revision of a source is in force.

Rules: a resource that a new revision leaves as it was stays the same object, yet the files that it
refers to may have changed; so what it holds is this door, and not the tree of its own revision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.errors import NotFound
from reconciler.model import Ref, Resource, Snapshot, Tree


class TreeInForce:
    """A `Tree` that always answers with the revision in force."""

    def __init__(self) -> None:
        self._now: Tree | None = None
        self._bound: dict[Ref, tuple[Resource[Any], Resource[Any]]] = {}

    def turn(self, tree: Tree) -> None:
        self._now = tree

    def read(self, path: str) -> bytes:
        return self._tree.read(path)

    def digest(self, path: str) -> str:
        return self._tree.digest(path)

    def folder(self, path: str) -> str:
        return self._tree.folder(path)

    @property
    def _tree(self) -> Tree:
        if self._now is None:
            raise NotFound("no revision of this source is in force yet")
        return self._now

    def bind(self, snapshot: Snapshot) -> Snapshot:
        """The same snapshot, its resources looking through this door; the same resource stays the same."""
        bound: dict[Ref, tuple[Resource[Any], Resource[Any]]] = {}
        for ref, resource in snapshot.resources.items():
            known = self._bound.get(ref)
            if known is not None and (known[0] is resource or known[1] is resource):
                bound[ref] = known
            else:
                bound[ref] = (resource, resource.in_tree(self))
        self._bound = bound
        return replace(snapshot, resources={ref: ours for ref, (_, ours) in bound.items()})
