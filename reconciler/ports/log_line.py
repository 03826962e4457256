"""One line of what a declared thing prints."""

from __future__ import annotations

from datetime import datetime

from reconciler.records import dataclass


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    stream: str  # stdout | stderr
    text: str
