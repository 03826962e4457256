"""Where nothing is in force yet, the sources have the word in their own order, and not as they are read.

Rules: who comes after a source that is still to be read waits for it, but no longer than `PATIENCE_S` from
when that one began to count; what is in force waits for nobody. It reads no clock: whoever asks says what
time it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from reconciler.model import Ref

PATIENCE_S: Final = 30.0  # a first fetch over a slow line, or a network that comes up after the node
SILENT_S: Final = 1.0  # most are read within that, so nobody is told


class Turn(NamedTuple):
    """It has yet to come."""

    after: tuple[str, ...]  # the sources that come first
    silent_s: float  # so long nobody need be told
    left_s: float


class Turns:
    def __init__(self) -> None:
        self._since: dict[str, float] = {}  # when each that is not read yet began to count
        self._waiting: set[Ref] = set()

    def note(self, unread: Iterable[str], now: float) -> tuple[Ref, ...]:
        """These are still to be read. Answers what may have waited for one that is so no more."""
        before = self._since
        self._since = {name: before.get(name, now) for name in unread}
        if before.keys() <= self._since.keys():
            return ()
        freed, self._waiting = self._waiting, set()
        return tuple(sorted(freed))

    def of(self, ref: Ref, source: str, order: Mapping[str, int], now: float) -> Turn | None:
        """None: this source may have the word on it now."""
        mine = order[source]
        first = {
            name: since
            for name, since in self._since.items()
            if order[name] < mine and now < since + PATIENCE_S
        }
        if not first:
            return None
        self._waiting.add(ref)
        silent_s = max(0.0, min(first.values()) + SILENT_S - now)
        return Turn(tuple(sorted(first)), silent_s, max(first.values()) + PATIENCE_S - now)
