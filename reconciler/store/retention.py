"""What is old, and what is more than is kept: the same for every store. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from reconciler.store import columns

A_DAY: Final = timedelta(days=1) // timedelta(microseconds=1)
FOR_EVER: Final = 1 << 62
STAYING: Final = 2  # revisions: the one in force, and one to go back to


def oldest(now: datetime, days: float) -> int:
    """The moment before which nothing is kept; however many days, it is one that SQLite can compare with."""
    return int(max(-FOR_EVER, columns.moment(now) - days * A_DAY))


def surplus(
    newest_first: Iterable[tuple[str, str, str, int]], limit: int, before: int
) -> Iterator[tuple[str, str]]:
    """Of revisions as (source, revision, outcome, moment), those to let go of."""
    seen: Counter[tuple[str, str]] = Counter()
    for source, revision, outcome, at in newest_first:
        seen[source, outcome] += 1
        if seen[source, outcome] > (min(limit, STAYING) if at < before else limit):
            yield source, revision
