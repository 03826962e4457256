"""The sources that the node declares by itself: its inbox, and the root that it was started with.

Rules: a command that only looks spells them out when it comes to meet a source; until then it is enough that
there are such.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from reconciler.errors import Unavailable
from reconciler.model import (
    EMPTY,
    NODE_SOURCE,
    SOURCE_KIND,
    JsonValue,
    Origin,
    Ref,
    Resource,
    Snapshot,
    Spec,
    source_ref,
)
from reconciler.runtime.bundle import INBOX
from reconciler.runtime.parts import Parts

ROOT: Final = "root"
UNSPELLED: Final = Unavailable("not spelled out yet")  # so nothing is concluded from what is not in it


async def declare_own_sources(node: Parts) -> None:
    if not _declared(node):
        await node.engine.submit(_snapshot(node))


async def unspelled_own_sources(node: Parts, met: Iterable[Ref]) -> tuple[Snapshot, ...]:
    """What stands for them in a preview that meets these refs: nothing once they are declared."""
    book = node.engine.book
    taken = (entry.ref for entry in book if book.source(entry.ref) != NODE_SOURCE)
    if any(ref.kind == SOURCE_KIND for refs in (met, taken) for ref in refs):
        await declare_own_sources(node)
    if _declared(node):
        return ()
    return (Snapshot(NODE_SOURCE, "", EMPTY, (UNSPELLED,), unspelled=tuple(_written(node))),)


def _declared(node: Parts) -> bool:
    return node.engine.snapshot(NODE_SOURCE) is not None


def _snapshot(node: Parts) -> Snapshot:
    kind = node.kinds[SOURCE_KIND]
    resources: dict[Ref, Resource[Spec]] = {}
    for name, written in _written(node).items():
        ref, spec = source_ref(name), kind.spec.model_validate(written)
        resources[ref] = Resource(ref, spec, Origin(NODE_SOURCE), needs=node.kinds.needs(ref, spec))
    return Snapshot(NODE_SOURCE, "", resources)


def _written(node: Parts) -> dict[str, Mapping[str, JsonValue]]:
    """The spec of each, by its name."""
    inbox: dict[str, Mapping[str, JsonValue]] = {
        INBOX: {"inbox": {"path": str(node.settings.data / "inbox")}}
    }
    root = node.notes.get(ROOT)
    return {**inbox, ROOT: root} if root else inbox
