"""Refs that are due: once each, the urgent first, with a backoff of their own. Pure: time is passed in.

Rules: a ref that is added while it is being worked on comes again afterwards; an earlier due time or
a more urgent priority wins; a failure waits 5 ms to 1000 s, doubling, with jitter; a new wish or the
driver's recovery forgets the failures.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import NamedTuple

from reconciler.model import Ref

SHORTEST = 0.005
LONGEST = 1000.0
SLACK = 64  # overtaken slots that may lie about before they are cleared away


class Priority(IntEnum):
    CHANGED = 0  # a new wish, an event, a need that became ready
    RETRY = 1
    RESYNC = 2  # the periodic look that finds what no event has told


class Backlog(NamedTuple):
    """How much there is to do."""

    known: int  # refs that will be looked at some time
    due: int  # that could be worked on now
    busy: int
    oldest_s: float  # for how long the one that is due the longest has waited


@dataclass(slots=True)
class _Slot:
    ref: Ref
    due: float
    priority: Priority
    live: bool = True  # false: overtaken by a later `add`


class Queue:
    """What to look at next. One owner takes refs; whoever likes adds them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._slots: dict[Ref, _Slot] = {}
        self._waiting: list[tuple[float, int, _Slot]] = []  # by the time when they are due
        self._ripe: list[tuple[Priority, int, _Slot]] = []  # due: the urgent first
        self._busy: set[Ref] = set()
        self._failures: dict[Ref, int] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def busy(self) -> frozenset[Ref]:
        return frozenset(self._busy)

    def add(self, ref: Ref, priority: Priority, due: float) -> None:
        slot = self._slots.get(ref)
        if slot is not None:
            if slot.due <= due and slot.priority <= priority:
                return
            slot.live = False
            due, priority = min(due, slot.due), min(priority, slot.priority)
        self._slots[ref] = slot = _Slot(ref, due, priority)
        self._number += 1
        heapq.heappush(self._waiting, (due, self._number, slot))
        if len(self._waiting) > 2 * len(self._slots) + SLACK:
            self._waiting = [entry for entry in self._waiting if entry[2].live]
            heapq.heapify(self._waiting)

    def take(self, now: float) -> Ref | None:
        """The most urgent ref that is due and that nobody works on; it is busy until `done`."""
        self._ripen(now)
        passed_over: list[tuple[Priority, int, _Slot]] = []
        found: Ref | None = None
        while self._ripe and found is None:
            entry = heapq.heappop(self._ripe)
            slot = entry[2]
            if slot.live and slot.ref in self._busy:
                passed_over.append(entry)
            elif slot.live:
                found = slot.ref
        for entry in passed_over:
            heapq.heappush(self._ripe, entry)
        if found is not None:
            del self._slots[found]
            self._busy.add(found)
        return found

    def _ripen(self, now: float) -> None:
        waiting = self._waiting
        while waiting and (waiting[0][0] <= now or not waiting[0][2].live):
            _, number, slot = heapq.heappop(waiting)
            if slot.live:
                heapq.heappush(self._ripe, (slot.priority, number, slot))

    def next_due(self) -> float | None:
        """When a ref becomes due; None: `take` has nothing new before an `add` or a `done`."""
        while self._waiting and not self._waiting[0][2].live:
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def backlog(self, now: float) -> Backlog:
        waits = [now - slot.due for slot in self._slots.values() if slot.due <= now]
        return Backlog(len(self._slots), len(waits), len(self._busy), max(waits, default=0.0))

    def is_idle(self, now: float) -> bool:
        """Nobody works on anything, and nothing is due."""
        if self._busy or any(slot.live for _, _, slot in self._ripe):
            return False
        due = self.next_due()
        return due is None or due > now

    def is_quiet(self, tries: int) -> bool:
        """Nothing is worked on or waits to be, save what has failed this often already."""
        return not self._busy and all(
            slot.priority is Priority.RESYNC or self.failures(ref) >= tries
            for ref, slot in self._slots.items()
        )

    def done(self, ref: Ref) -> None:
        self._busy.discard(ref)

    def failed(self, ref: Ref) -> float:
        """Count a failure; answer how long to wait before the next try."""
        count = self._failures.get(ref, 0)
        self._failures[ref] = count + 1
        longest = min(LONGEST, SHORTEST * float(1 << min(count, 30)))
        return max(SHORTEST, longest * self._random.uniform(0.5, 1.0))

    def failures(self, ref: Ref) -> int:
        return self._failures.get(ref, 0)

    def forgive(self, ref: Ref) -> None:
        """A new wish, a success or the driver's recovery: the next failure is a first one again."""
        self._failures.pop(ref, None)

    def forget(self, ref: Ref) -> None:
        """It is gone for good."""
        self.forgive(ref)
        slot = self._slots.pop(ref, None)
        if slot is not None:
            slot.live = False
