"""What the engine knows of one ref.

Rules: a status counts for the wish that it was judged by, and for no later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from json import dumps
from typing import Any

from reconciler.engine.decide import Gate
from reconciler.engine.wishes import NOBODY, written
from reconciler.model import EMPTY, JsonValue, Ref, Resource, Seen, Status
from reconciler.ports.store import Kept


@dataclass(slots=True)
class Entry:
    ref: Ref
    want: Resource[Any] | None = None  # None: wished gone
    kept: Kept | None = None  # as the store has it once all that was handed to it is written
    doubts: int = 0  # commits that have failed since all was written: nobody knows what the store has
    memory: Mapping[str, JsonValue] = field(default=EMPTY)
    status: Status | None = None
    seen: Seen[Any] | None = None
    fault: Exception | None = None  # its kind could not even say what belongs to it
    passed: float = 0.0  # when the last pass ended, on the monotonic clock
    under_way: str = ""  # by whose word a pass is being made over it
    changes: int = 0  # of the wish, as long as there is no row that would tell
    _digest: str = ""

    @property
    def digest(self) -> str:
        """Of the want; worked out when it is first asked for."""
        if not self._digest and self.want is not None:
            self._digest = digest(self.want)
        return self._digest

    @property
    def generation(self) -> int:
        """Grows with every change of the wish."""
        if self.kept is None:
            return 1 + self.changes
        moved = self.want is not None and self.kept.digest != self.digest
        return self.kept.generation + moved

    @property
    def judged(self) -> Status | None:
        """Its status, unless that is about an earlier wish."""
        if self.status is None or (self.want is None and self.kept is None):
            return None
        return self.status if self.status.generation == self.generation else None

    @property
    def in_force(self) -> bool:
        """There is something of it by somebody's word, or there is just about to be."""
        if self.want is not None and self.want.origin.source == self.under_way:
            return True
        return self.kept is not None and self.kept.source != NOBODY

    @property
    def is_foreign(self) -> bool:
        """When it was looked at last, what is there was somebody else's, and is not touched."""
        ready = self.status.condition("Ready") if self.status is not None else None
        return ready is not None and ready.reason == Gate.FOREIGN

    @property
    def withdrawn(self) -> bool:
        """Nobody wants it, and nobody has decided that it goes."""
        return self.want is None and self.kept is not None and not self.kept.doomed

    def wish(self, want: Resource[Any] | None) -> None:
        if self.kept is None and want is not None:
            self.changes += self._counts_as_change(want)
        self.want, self._digest = want, ""

    def _counts_as_change(self, want: Resource[Any]) -> bool:
        """Of what has no row. What the last process was told to wish is known by its revision alone."""
        if self.want is not None:
            return self.digest != digest(want)
        return self.status is not None and self.status.revision != want.origin.revision

    def is_like(self, other: Entry) -> bool:
        return self.want is other.want and self.kept is other.kept and self.status is other.status

    def learn(self, other: Entry) -> None:
        """`other` is like this one, and has been looked at since."""
        self.seen, self._digest = other.seen, other.digest


def digest(want: Resource[Any]) -> str:
    """Tells one wish from another: by what is written in it, not by where."""
    needs = sorted((*ref, how) for ref, how in want.needs.items())
    parts = [written(want.wish), dict(want.labels), dict(want.annotations), needs, want.parent]
    text = dumps(parts, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:32]
