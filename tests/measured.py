"""What a measured time counts for on a machine that others use too.

Rules: what misses its goal is measured again before it counts as missed: who is slow is so each time, and who
was only held up is not. A goal is never widened.
"""

from __future__ import annotations

TRIES = 3


class Measured:
    """`while it.is_open: it.add(…)`, and then `it.best` is what counts."""

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self._found: list[float] = []

    @property
    def is_open(self) -> bool:
        """It has to be measured, or measured again."""
        return len(self._found) < TRIES and not any(one <= self.goal for one in self._found)

    def add(self, figure: float) -> None:
        self._found.append(figure)

    @property
    def best(self) -> float:
        return min(self._found)
