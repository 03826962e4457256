"""Resources that need one another, found in manifests alone: none of them would ever begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from reconciler.engine.graph import cycles
from reconciler.errors import Misplaced
from reconciler.model import Ref, Resource
from reconciler.ports.kinds import Kinds


def cyclic(resources: Mapping[Ref, Resource[Any]], kinds: Kinds) -> Iterator[Misplaced]:
    """One error for each cycle, with all its members and where they are declared."""
    every = {part.ref: part for one in resources.values() for part in _parts(one, kinds)} | dict(resources)
    for cycle in cycles({ref: tuple(one.needs) for ref, one in every.items()}):
        line = " -> ".join(f"{ref} ({every[ref].origin.place})" for ref in cycle)
        remedy = "take one of these needs away"
        yield Misplaced(
            every[cycle[0]].origin.place, "", f"needs itself: {line} -> {cycle[0]}", remedy=remedy
        )


def _parts(whole: Resource[Any], kinds: Kinds) -> Iterator[Resource[Any]]:
    kind = kinds[whole.ref.kind]
    if kind.expands:
        with suppress(Exception):  # a kind's crash is told of its resource by who acts on it
            for part in kind.parts(whole):
                yield part
                yield from _parts(part, kinds)
