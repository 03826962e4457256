"""What a source has just withdrawn stays until every other source was looked at once more.

Rules: who moves a file from one folder to another means no removal, in whatever order the two are read; a
look counts when it began after the withdrawal; who does not answer is waited for no longer than
`PATIENCE_S`, and so long it may also come to count. It reads no clock: whoever asks says what time it is.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from typing import Final, NamedTuple

from reconciler.model import NODE_SOURCE, Ref

PATIENCE_S: Final = 5.0


class _Withdrawal(NamedTuple):
    by: str
    moment: int
    until: float


class Withdrawals:
    def __init__(self) -> None:
        self.moment = 0  # grows with each withdrawal: a look that began at one knows of all up to it
        self._waiting: dict[Ref, _Withdrawal] = {}
        self._looks: dict[str, int] = {}

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._waiting

    def note(self, refs: Iterable[Ref], by: str, now: float) -> None:
        self.moment += 1
        self._waiting |= dict.fromkeys(refs, _Withdrawal(by, self.moment, now + PATIENCE_S))

    def forget(self, wanted: Container[Ref]) -> None:
        """These are wanted again."""
        self._waiting = {ref: one for ref, one in self._waiting.items() if ref not in wanted}

    def looked(self, source: str, moment: int, now: float) -> tuple[Ref, ...]:
        """What may have waited for this."""
        self._looks[source] = moment
        self._waiting = {ref: one for ref, one in self._waiting.items() if now < one.until}
        return tuple(self._waiting)

    def stays_for(self, ref: Ref, sources: Collection[str], now: float) -> float:
        """Seconds for which one of these stays at most, if none of the sources is heard of."""
        waiting = self._waiting[ref]
        others = (name for name in sources if name not in {NODE_SOURCE, waiting.by})
        unasked = any(self._looks.get(name, -1) < waiting.moment for name in others)
        return max(0.0, waiting.until - now) if unasked else 0.0
