"""Several sources for a test, by their names."""

from __future__ import annotations

from reconciler.errors import Misplaced, Place
from reconciler.model import Snapshot
from tests.engine.virtual import House, snapshot, thing
from tests.simulation.feed import FeedSpec

FEED = FeedSpec(repo="x")
BROKEN = (Misplaced(Place("b.yaml"), "", "broken"),)


def of(source: str, revision: str = "1", **values: int) -> Snapshot:
    return snapshot(
        {name: thing(value=value) for name, value in values.items()}, source=source, revision=revision
    )


def root(*sources: str, revision: str = "1", allow_prune: bool = False) -> Snapshot:
    specs = {f"source/{name}": FEED for name in sources}
    return snapshot({**specs}, revision=revision, allow_prune=allow_prune)


async def with_sources(house: House, *snapshots: Snapshot) -> None:
    engine = await house.start()
    for one in snapshots:
        assert (await engine.submit(one)).accepted
    await house.settled()
