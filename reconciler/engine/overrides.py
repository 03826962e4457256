"""What people have overridden, and until when.

Rules: one override a ref; a patch that does not fit the wish is refused; the end of one is noticed soon after
the wall clock has passed it, even when that jumps.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from reconciler.engine.book import Book
from reconciler.engine.wishes import check_override
from reconciler.errors import NotFound
from reconciler.model import Override, Ref
from reconciler.ports.kinds import Kinds

LOOK_AT_THE_CLOCK_S = 10.0  # how late the end of an override is noticed after the wall clock has jumped


class Overrides:
    def __init__(self, kinds: Kinds, book: Book) -> None:
        self._kinds = kinds
        self._book = book
        self.all: tuple[Override, ...] = ()

    def take(self, overrides: Iterable[Override]) -> None:
        """These, and no others."""
        self.all = tuple({one.id: one for one in overrides}.values())

    def with_(self, override: Override) -> tuple[Override, ...]:
        """All of them, were this one set; refused where it cannot be."""
        want = self._book.standing(override.ref)
        if want is None:
            raise NotFound(f"{override.ref} is not declared", remedy="`holdfast get` lists what is")
        check_override(override, want, self._kinds)
        return (*(one for one in self.all if one.ref != override.ref), override)

    def without(self, ref: Ref) -> tuple[Override, ...]:
        """All of them, were this one taken back; refused where there is none."""
        left = tuple(one for one in self.all if one.ref != ref)
        if len(left) == len(self.all):
            raise NotFound(f"{ref} has no override", remedy="`holdfast describe` shows what is in force")
        return left

    def in_force(self, now: datetime) -> tuple[Override, ...]:
        return tuple(one for one in self.all if one.in_force(now))

    def until_the_next_end(self, now: datetime) -> float | None:
        """Seconds until somebody should look again whether one has ended; None: there is no need to."""
        ends = [one.until for one in self.all if one.until is not None]
        return min(LOOK_AT_THE_CLOCK_S, max(0.1, (min(ends) - now).total_seconds())) if ends else None
