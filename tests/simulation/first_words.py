"""Which source had the first word on a ref: of two that declare it, that one stays in force.

Rules: the word ends when the source declares the ref no more, or counts no more; what was only spared
is free to take.
"""

from __future__ import annotations

from reconciler.model import Ref
from reconciler.ports.store import Kept


class FirstWords:
    def __init__(self) -> None:
        self._voices = frozenset[tuple[str, Ref]]()
        self._holders: dict[Ref, str] = {}

    def hear(self, voices: frozenset[tuple[str, Ref]]) -> None:
        """Who declares what, from now on."""
        self._voices = voices
        self._holders = {ref: source for ref, source in self._holders.items() if (source, ref) in voices}

    def broken_by(self, row: Kept) -> str:
        """The source whose word does not count any more if this is written; empty if none."""
        holder = self._holders.get(row.ref, row.source)
        taken = row.source not in ("", holder) and row.parent is None and not row.doomed
        return holder if taken else ""

    def spoken(self, before: Kept | None, row: Kept) -> None:
        """This was written."""
        if row.doomed or row.parent is not None:
            self.forget(row.ref)
        elif (row.source, row.ref) in self._voices and not (before is not None and before.doomed):
            self._holders[row.ref] = row.source

    def forget(self, ref: Ref) -> None:
        self._holders.pop(ref, None)
