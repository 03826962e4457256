"""Time, as the node is told it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock, in UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        ...
