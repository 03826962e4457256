"""How a series of measurements grows sparser with age. Pure.

Rules: time falls into periods that are wider the longer ago they are, each a half of a wider one, so that to
thin early and again leaves what thinning late leaves. Of a period one round is left, its last: counters stand
as they stood then, of memory the peak goes along. What ended amid a period is told at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from reconciler.model import Ref
from reconciler.ports.store import Sampled

SECOND = 1_000_000  # in the store's microseconds
FINENESS = 120  # a period is at most so small a part of its age: half an hour is told in quarters of a minute


def period(age: int) -> int:
    """How wide a period is that lies so long ago, in microseconds: a power of two, in seconds."""
    seconds = max(age // (FINENESS * SECOND), 1)
    return SECOND << (seconds.bit_length() - 1)


def crowded(rounds: Iterable[int], now: int) -> Iterator[tuple[int, int]]:
    """The first and the last round of each period that holds several, by the times of all, in order."""

    def of(at: int) -> tuple[int, int]:
        width = period(now - at)
        return width, at // width

    for _, together in groupby(rounds, of):
        first, *others = together
        if others:
            yield first, others[-1]


def merged(samples: Iterable[Sampled]) -> Sequence[Sampled]:
    """What is left of the rounds of one period, given in their order."""
    left: dict[Ref, Sampled] = {}
    end: datetime | None = None
    for one in samples:
        before, end = left.get(one.ref), one.at
        peak = max(before.memory_peak_bytes, one.memory_peak_bytes) if before else one.memory_peak_bytes
        left[one.ref] = replace(one, memory_peak_bytes=peak)
    return [replace(one, at=end) for one in left.values()] if end is not None else []
