"""What a measured time counts for on a machine that others use too.

Rules: what misses its goal is measured again before it counts as missed: who is slow is so each time, and who
was only held up is not. Three times at once, then with pauses in which the others may come to an end. A goal
is never widened.
"""

from __future__ import annotations

import time

AT_ONCE = 3
PAUSES_S = (1, 2, 4, 8, 16)


class Measured:
    """`while it.is_open: it.add(…)`, and then `it.best` is what counts."""

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self._found: list[float] = []

    @property
    def is_open(self) -> bool:
        """It has to be measured, or measured again."""
        return len(self._found) < AT_ONCE + len(PAUSES_S) and not self._holds

    def add(self, figure: float) -> None:
        self._found.append(figure)
        late = len(self._found) - AT_ONCE
        if self.is_open and late >= 0:
            time.sleep(PAUSES_S[late])

    @property
    def best(self) -> float:
        return min(self._found)

    @property
    def _holds(self) -> bool:
        return any(one <= self.goal for one in self._found)
