"""Refs that are due: once each, the urgent first, with a backoff of their own. Pure: time is passed in.

Rules: a ref that is added while it is being worked on comes again afterwards; an earlier due time or
a more urgent priority wins; a failure waits 5 ms to 1000 s, doubling, with jitter; a new wish or the
driver's recovery forgets the failures.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import IntEnum
from random import Random

from reconciler.model import Ref

SHORTEST = 0.005
LONGEST = 1000.0
SLACK = 64  # overtaken slots that may lie about before they are cleared away


class Priority(IntEnum):
    CHANGED = 0  # a new wish, an event, a need that became ready
    RETRY = 1
    RESYNC = 2  # the periodic look that finds what no event has told


@dataclass(order=True, slots=True)
class _Slot:
    due: float
    ref: Ref = field(compare=False)
    priority: Priority = field(compare=False)
    live: bool = field(default=True, compare=False)


@dataclass(order=True, slots=True)
class _Ripe:
    priority: Priority
    number: int
    ref: Ref = field(compare=False)
    slot: _Slot = field(compare=False)


class Queue:
    """What to look at next. One owner takes refs; whoever likes adds them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._slots: dict[Ref, _Slot] = {}
        self._waiting: list[_Slot] = []
        self._ripe: list[_Ripe] = []
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
        slot = _Slot(due, ref, priority)
        self._slots[ref] = slot
        heapq.heappush(self._waiting, slot)
        if len(self._waiting) > 2 * len(self._slots) + SLACK:
            self._waiting = [slot for slot in self._waiting if slot.live]
            heapq.heapify(self._waiting)

    def take(self, now: float) -> Ref | None:
        """The most urgent ref that is due and that nobody works on; it is busy until `done`."""
        while self._waiting and (not self._waiting[0].live or self._waiting[0].due <= now):
            slot = heapq.heappop(self._waiting)
            if slot.live:
                self._number += 1
                heapq.heappush(self._ripe, _Ripe(slot.priority, self._number, slot.ref, slot))
        later: list[_Ripe] = []
        found = None
        while self._ripe and found is None:
            ripe = heapq.heappop(self._ripe)
            if not ripe.slot.live:
                continue
            if ripe.ref in self._busy:
                later.append(ripe)
            else:
                found = ripe
        for ripe in later:
            heapq.heappush(self._ripe, ripe)
        if found is None:
            return None
        del self._slots[found.ref]
        self._busy.add(found.ref)
        return found.ref

    def next_due(self) -> float | None:
        """When a ref becomes due; None: `take` has nothing new before an `add` or a `done`."""
        while self._waiting and not self._waiting[0].live:
            heapq.heappop(self._waiting)
        return self._waiting[0].due if self._waiting else None

    def is_idle(self, now: float) -> bool:
        """Nobody works on anything, and nothing is due."""
        if self._busy or any(ripe.slot.live for ripe in self._ripe):
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
