"""How often a remote is asked.

Rules: at the interval or a little before, so that many nodes do not come at once, and nobody waits longer
than they asked for; after a failure soon again, then less and less often; however often somebody calls,
there is a gap between two tries. It reads no clock: whoever asks says what time it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

JITTER: Final = 0.2  # of a pause, by which it may be shorter
RETRY_S: Final = 5.0  # after the first failure; doubled by each further one
RETRY_MAX_S: Final = 900.0  # or the interval, if that is longer
GAP_S: Final = 0.1
GAP_WHILE_FAILING_S: Final = 1.0


@dataclass(slots=True)
class Pace:
    """The tries at one remote."""

    interval: float
    failures: int = 0  # in a row
    began_at: float = -inf

    def begin(self, now: float) -> None:
        """A try begins; it has failed unless it is said to have worked."""
        self.began_at = now
        self.failures += 1

    def failed(self) -> None:
        """It did work, but what came of it was no good."""
        self.failures += 1

    def worked(self) -> None:
        self.failures = 0

    def pause(self, chance: float) -> float:
        """Seconds until the next try, if nobody calls. `chance`: from 0 to 1."""
        pause = self.interval
        if self.failures:
            pause = min(RETRY_S * 2.0 ** min(self.failures - 1, 30), max(RETRY_MAX_S, pause))
        return pause * (1 - JITTER * chance)

    def gap(self, now: float) -> float:
        """Seconds until the next try may be made, although somebody calls."""
        return max(0.0, self.began_at + (GAP_WHILE_FAILING_S if self.failures else GAP_S) - now)
