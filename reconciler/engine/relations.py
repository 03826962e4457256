"""Who looks at whom, and who is part of whom: both to be asked from either end.

Rules: what is looked at need not be known; a ref has one whole at most.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model import Ref


class Relations:
    def __init__(self) -> None:
        self._looks: dict[Ref, frozenset[Ref]] = {}
        self._readers: dict[Ref, dict[Ref, None]] = {}
        self._parents: dict[Ref, Ref] = {}
        self._parts: dict[Ref, dict[Ref, None]] = {}

    def copied(self) -> Relations:
        other = Relations()
        other._looks = dict(self._looks)
        other._readers = {ref: dict(readers) for ref, readers in self._readers.items()}
        other._parents = dict(self._parents)
        other._parts = {ref: dict(parts) for ref, parts in self._parts.items()}
        return other

    def put(self, ref: Ref, looks: frozenset[Ref], parent: Ref | None) -> None:
        """All that holds of a ref from now on."""
        before = self._looks.get(ref, frozenset())
        for other in before - looks:
            self._readers[other].pop(ref, None)
        for other in looks - before:
            self._readers.setdefault(other, {})[ref] = None
        if looks:
            self._looks[ref] = looks
        else:
            self._looks.pop(ref, None)
        self._belong(ref, parent)

    def drop(self, ref: Ref) -> None:
        self.put(ref, frozenset(), None)

    def looking(self) -> Iterable[Ref]:
        """Those that look at others."""
        return self._looks

    def looks(self, ref: Ref) -> frozenset[Ref]:
        return self._looks.get(ref, frozenset())

    def readers(self, ref: Ref) -> tuple[Ref, ...]:
        return tuple(self._readers.get(ref, ()))

    def parts(self, ref: Ref) -> tuple[Ref, ...]:
        return tuple(sorted(self._parts.get(ref, ())))

    def _belong(self, ref: Ref, parent: Ref | None) -> None:
        before = self._parents.pop(ref, None)
        if before is not None:
            self._parts[before].pop(ref, None)
        if parent is not None:
            self._parents[ref] = parent
            self._parts.setdefault(parent, {})[ref] = None
