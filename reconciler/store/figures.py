"""What a store times of its own work."""

from __future__ import annotations

from reconciler.figures import Timing


def reads() -> Timing:
    return Timing("holdfast_store_read_duration_seconds", "Reads of the store.", ("query", "outcome"))


def commits() -> Timing:
    return Timing(
        "holdfast_store_commit_duration_seconds",
        "Commits as their callers wait for them; those that came together share one.",
        ("outcome",),
    )
