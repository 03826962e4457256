"""Who keeps what is to go: whoever needs it, and for a while whoever was made with it.

Rules: who needs a ref as it is wished keeps it; who only needed it as it was wished before keeps it until it
is as it is wished now, so that nobody loses what it works with before the other is there. But what fails may
want just what the ref still holds, a port or a name, and both would wait for ever: a ref that has been going
for `PATIENCE` is kept no longer by who cannot come to be as it is wished, since it or what it waits for has
been failing for as long. What had failed before the ref was to go leaves that time to go back as well. A
source that cannot be read, and may want what is to go, is no such case: of that a person decides.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from reconciler.engine.book import Book
from reconciler.engine.judge import STUCK
from reconciler.model import Ref, Status

PATIENCE: Final = timedelta(minutes=10)  # as a rollout has: before that, a bad revision may be gone back from


def keepers(book: Book, ref: Ref, now: datetime) -> tuple[Ref, ...]:
    needing, holding = book.dependents(ref), book.holders(ref)
    if not _has_been_going(_judged(book, ref), now):
        return tuple(holding)
    return tuple(one for one in holding if one in needing or not _waits_in_vain(book, one, now))


def awaited(book: Book, ref: Ref) -> tuple[Ref, ...]:
    """It, what it waits for, and what that waits for in turn."""
    found = {ref: None}
    todo = [ref]
    for one in todo:
        status = _judged(book, one)
        news = [each for each in (status.waits_for if status is not None else ()) if each not in found]
        found |= dict.fromkeys(news)
        todo += news
    return tuple(found)


def _waits_in_vain(book: Book, ref: Ref, now: datetime) -> bool:
    return any(_has_been_failing(_judged(book, one), now) for one in awaited(book, ref))


def _judged(book: Book, ref: Ref) -> Status | None:
    entry = book.get(ref)
    return entry.judged if entry is not None else None


def _has_been_going(status: Status | None, now: datetime) -> bool:
    """What is to go is not ready from then on."""
    ready = status.condition("Ready") if status is not None else None
    return ready is not None and not ready.status and now - ready.since >= PATIENCE


def _has_been_failing(status: Status | None, now: datetime) -> bool:
    stalled = status.condition("Stalled") if status is not None else None
    return stalled is not None and stalled.reason not in STUCK and now - stalled.since >= PATIENCE
