"""Who declares already what somebody hands in.

Rules: what another source declares just so is left to it; what it declares differently is a clash that
names the place, since only that source may change it. A clash can still be looked at: as if it were
written where the resource is declared. What no source spells out (a part of a group, the node's
own) cannot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from reconciler.engine.book import Book
from reconciler.engine.loop import Engine
from reconciler.errors import Conflict
from reconciler.model import NODE_SOURCE, Ref, Resource, Snapshot
from reconciler.records import dataclass
from reconciler.runtime.bundle import INBOX


@dataclass(frozen=True, slots=True)
class Clash:
    wanted: Resource[Any]
    declared: Resource[Any]

    def __str__(self) -> str:
        return f"{self.wanted.ref} is declared differently {self.declared.origin}"


@dataclass(frozen=True, slots=True)
class Claims:
    own: Mapping[Ref, Resource[Any]]  # nobody else's: the inbox has them, or may have
    clashes: tuple[Clash, ...]

    def refuse_clashes(self) -> None:
        if self.clashes:
            raise Conflict(
                "; ".join(map(str, self.clashes)),
                remedy="change it there: what a source declares, only that source changes",
            )

    def written_there(self, engine: Engine) -> Iterator[Snapshot]:
        """What the other sources would declare if the clashes were written there."""
        changed: dict[str, dict[Ref, Resource[Any]]] = defaultdict(dict)
        for clash in self.clashes:
            origin = clash.declared.origin
            changed[origin.source][clash.wanted.ref] = replace(clash.wanted, origin=origin)
        for source, resources in changed.items():
            snapshot = engine.standing(source)
            if snapshot is not None:
                yield replace(snapshot, resources={**snapshot.resources, **resources})


def claims(engine: Engine, resources: Iterable[Resource[Any]]) -> Claims:
    own: dict[Ref, Resource[Any]] = {}
    clashes: list[Clash] = []
    standing = cache(engine.standing)
    for wanted in resources:
        declared = _declared_elsewhere(engine.book, standing, wanted.ref)
        if declared is None:
            own[wanted.ref] = wanted
        elif _wished(declared) != _wished(wanted):
            clashes.append(Clash(wanted, declared))
    found = Claims(own, tuple(clashes))
    if any(one.declared.parent is not None or one.declared.origin.source == NODE_SOURCE for one in clashes):
        found.refuse_clashes()
    return found


def _declared_elsewhere(
    book: Book, standing: Callable[[str], Snapshot | None], ref: Ref
) -> Resource[Any] | None:
    if book.source(ref) == INBOX or (want := book.standing(ref)) is None:
        return None
    snapshot = standing(want.origin.source)
    return snapshot.resources.get(ref, want) if snapshot is not None else want  # a want may bear an override


def _wished(resource: Resource[Any]) -> tuple[Any, ...]:
    return resource.spec, dict(resource.labels), dict(resource.annotations)
