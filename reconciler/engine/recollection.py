"""After the store was lost: what bears our mark is written down again, as soon as it can be told.

Rules: who wanted it nobody knows; a driver that does not answer is asked again. What is wanted meanwhile, and
has not had its turn yet, gets a row as well: taken back before that, it would be forgotten.
"""

from __future__ import annotations

from contextlib import suppress

from reconciler.engine.book import Book
from reconciler.engine.wishes import NOBODY
from reconciler.engine.world import World
from reconciler.model import EMPTY, Ref
from reconciler.ports.store import Kept


class Recollection:
    def __init__(self, world: World, book: Book) -> None:
        self._world = world
        self._book = book
        self.unasked: list[str] = []  # kinds that have not told yet what of ours there is

    def begin(self) -> None:
        self.unasked = list(self._world.kinds)

    async def go_on(self) -> None:
        for name in list(self.unasked):
            with suppress(Exception):
                owned = await self._world.kinds[name].owned(self._world.uses[name])
                rows = [_recalled(ref) for ref in sorted(owned) if not self._book.records(ref)]
                await self._world.store.commit(*rows)
                self._book.recall(rows)
                self.unasked.remove(name)


def _recalled(ref: Ref) -> Kept:
    """A row for what bears our mark, and nobody knows who wanted it."""
    return Kept(ref, EMPTY, "", 1, source=NOBODY, revision="")
