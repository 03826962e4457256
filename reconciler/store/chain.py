"""The chain through the log of events: each bears a digest of itself and of the one before it.

Rules: whoever changes, removes or inserts a row breaks the chain at that row, unless they write all that
follows anew, and then its head is another one: who has noted the head of an earlier day finds that out too.
Retention takes events from the chain and leaves the link that the next one hangs on; nothing else may.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from hashlib import sha256
from itertools import groupby

from reconciler.records import dataclass
from reconciler.store import queries
from reconciler.store.columns import LINES, Row

BEGINNING = bytes(32)  # the link before the first


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of the chain, as who wants to compare later notes it."""

    id: int
    link: str

    def __str__(self) -> str:
        return f"{self.id}:{self.link}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk along the chain has come to."""

    events: int = 0
    unchained: int = 0  # written before there was a chain
    first: int = 0
    head: Head = field(default=Head(0, BEGINNING.hex()))
    faults: tuple[str, ...] = ()  # the first is where it broke


def chained(before: bytes, events: Iterable[Row]) -> Iterator[Row]:
    """The rows (id first) with their links."""
    for row in events:
        before = _link(before, row)
        yield (*row, before)


def link_before_next(connection: sqlite3.Connection, last: int) -> bytes:
    """What the event after `last` hangs on."""
    found = connection.execute(queries.LINK_OF, {"id": last}).fetchone()
    return BEGINNING if found is None or found[0] is None else bytes(found[0])


def forget(connection: sqlite3.Connection, keys: Sequence[Row]) -> int:
    """Let go of these events, and note where they were."""
    ids = sorted(number for (number,) in keys)
    for first, last in _runs(ids):
        found = connection.execute(queries.LINK_OF, {"id": last}).fetchone()
        if found is None:  # an index has named what is not there
            continue
        before = connection.execute(queries.GAP_ENDING, (first - 1,)).fetchone()
        behind = connection.execute(queries.GAP_BEGINNING, (last + 1,)).fetchone()
        begin = first if before is None else before[0]
        connection.execute(queries.PUT_GAP, (begin, *(behind or (last, *found))))
    return connection.executemany(queries.TAKE_EVENT, [(number,) for number in ids]).rowcount


def _runs(ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The stretches without a hole."""
    for _, run in groupby(enumerate(ids), lambda one: one[1] - one[0]):
        numbers = [number for _, number in run]
        yield numbers[0], numbers[-1]


def verify(connection: sqlite3.Connection, noted: Head | None = None) -> Verified:
    """Walk all of it. `noted`: a head that it must still pass through."""
    return _Walk(connection, noted).walked()


class _Walk:
    """Along the events and the gaps between them, in their order."""

    def __init__(self, connection: sqlite3.Connection, noted: Head | None) -> None:
        self._connection = connection
        self._noted = noted
        self._gaps = deque(sorted(connection.execute(queries.GAPS).fetchall()))
        self._faults: list[str] = []
        self._events = self._unchained = self._first = self._last = 0
        self._link: bytes | None = None  # of what was passed last

    def walked(self) -> Verified:
        for *event, link in self._connection.execute(queries.CHAIN):
            self._skip_to(event[0])
            self._pass(event, link)
            self._compare(event[0], link)
        (given,) = self._connection.execute(queries.LAST_EVENT).fetchone()
        self._skip_to(given + 1)
        self._miss(given, "at the end")
        if self._noted is not None and self._noted.id > self._last:
            self._faults.append(f"event {self._noted.id} was noted, and the log ends with event {self._last}")
        head = Head(self._last, (self._link or BEGINNING).hex())
        return Verified(self._events, self._unchained, self._first, head, tuple(self._faults))

    def _skip_to(self, number: int) -> None:
        while self._gaps and self._gaps[0][0] < number:
            first, last, link = self._gaps.popleft()
            if self._last:
                self._miss(first - 1, f"before event {last + 1}")
            self._last, self._link = last, link

    def _pass(self, event: Row, link: bytes | None) -> None:
        number, own = event[0], True
        self._events += 1
        self._first = self._first or number
        if link is None:
            self._unchained += 1
            own = self._link is None
        elif number == self._last + 1:
            own = link == _link(self._link or BEGINNING, event)
        elif self._last or link != _link(BEGINNING, event):  # a new store goes on above a lost one's numbers
            own = self._miss(number - 1, f"before event {number}")  # then nobody knows, else it is in a gap
        if not own:
            self._faults.append(
                f"event {number} is not as it was written, or does not belong where it stands"
            )
        if number > self._last:
            self._last, self._link = number, link

    def _miss(self, upto: int, where: str) -> bool:
        """Tell of a hole that nobody has noted, if there is one."""
        count = upto - self._last
        if count > 0:
            which = f"event {upto} is" if count == 1 else f"events {self._last + 1} to {upto} are"
            self._faults.append(f"{which} missing {where}")
        return count > 0

    def _compare(self, number: int, link: bytes | None) -> None:
        if self._noted is not None and number == self._noted.id and (link or b"").hex() != self._noted.link:
            told = f"event {number} does not bear the link that was noted: all may be written anew"
            self._faults.append(told)


def _link(before: bytes, event: Row) -> bytes:
    digest = sha256(before)
    digest.update((LINES[len(event)] % tuple(event)).encode())
    return digest.digest()
