"""How much of the time the node has been there, over its restarts.

Rules: a life begins with a start and ends with its last heartbeat, so what a kill leaves unsaid counts as
down; so does a stop that somebody has asked for. Lives are noted when one begins, and at no other time; what
is older than the window is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from reconciler.model import JsonValue
from reconciler.ports.store import Note

TARGET: Final = 0.999
WINDOW: Final = timedelta(days=30)
HEARTBEAT: Final = "heartbeat"  # the note of the latest
LIVES: Final = "lives"  # the note of all, the one that goes on as the last
MOST: Final = 1000  # of them, the latest: a node that crashes all the time is told by other means


class Life(NamedTuple):
    began: datetime
    ended: datetime


def ended(notes: Mapping[str, JsonValue]) -> list[Life]:
    """The lives before this one; what cannot be read counts as if nobody had noted it."""
    try:
        found = [Life(*map(datetime.fromisoformat, pair)) for pair in notes.get(LIVES, ())]
        last_heartbeat = datetime.fromisoformat(notes[HEARTBEAT])
    except (KeyError, TypeError, ValueError):
        return []
    return [*found[:-1], *(Life(life.began, max(life.began, last_heartbeat)) for life in found[-1:])]


def noted(before: Sequence[Life], began: datetime) -> Note:
    """What is written of a life that begins: where it ends, its last heartbeat says."""
    kept = [life for life in before if life.ended > began - WINDOW][-MOST:]
    every = [*kept, Life(began, began)]
    return Note(LIVES, [[life.began.isoformat(), life.ended.isoformat()] for life in every])


def share_up(before: Sequence[Life], began: datetime, now: datetime) -> float:
    """Of the window, or of the time since the first start where that was later."""
    every = [*before, Life(began, now)]
    since = max(min(life.began for life in every), now - WINDOW)
    whole = (now - since).total_seconds()
    up = sum(max(0.0, (min(life.ended, now) - max(life.began, since)).total_seconds()) for life in every)
    return min(1.0, up / whole) if whole > 0 else 1.0
