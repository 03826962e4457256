"""What a look at one thing has come to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reconciler.records import dataclass

OK: Final = "ok"
WARNING: Final = "warning"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    state: str
    message: str
    remedy: str = ""


def ok(check: str, message: str) -> Finding:
    return Finding(check, OK, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """It works, and may not for long, or not for everything."""
    return Finding(check, WARNING, message, remedy)


def failed(check: str, message: str, remedy: str) -> Finding:
    """A node cannot do its work like this."""
    return Finding(check, FAILED, message, remedy)


def worst(findings: Iterable[Finding]) -> str:
    states = {finding.state for finding in findings}
    return next((state for state in (FAILED, WARNING) if state in states), OK)
