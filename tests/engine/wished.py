"""Wishes for tests: what these snapshots come to beside these rows of an inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.engine.wishes import merge
from reconciler.errors import Misplaced, Place
from reconciler.model import EMPTY, Override, Ref, Snapshot, Spec
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Kept
from tests.engine.virtual import KINDS, ref_of, snapshot
from tests.simulation.feed import FeedSpec

BROKEN = (Misplaced(Place("a.yaml"), "", "broken"),)
FEED = FeedSpec(repo="x")


def merged(
    *snapshots: Snapshot,
    overrides: Sequence[Override] = (),
    inventory: Mapping[Ref, Kept] = EMPTY,
    kinds: Kinds = KINDS,
) -> Any:  # noqa: ANN401
    by_source = {one.source: one for one in snapshots}
    return merge(by_source, overrides, kinds, inventory, lambda ref: taken_from(ref, inventory))


def taken_from(ref: Ref, inventory: Mapping[Ref, Kept]) -> str:
    return inventory[ref].source if ref in inventory else ""


def root(*sources: str, **specs: Spec) -> Snapshot:
    return snapshot({**{f"source/{name}": FEED for name in sources}, **specs})


def kept(name: str, source: str = "node", *, doomed: bool = False, parent: Ref | None = None) -> Kept:
    return Kept(ref_of(name), {}, "", 1, source, "1", parent=parent, doomed=doomed)


def rows(*these: Kept) -> dict[Ref, Kept]:
    return {row.ref: row for row in these}
