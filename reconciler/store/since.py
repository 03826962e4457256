"""Where the events since a moment begin, without a walk over all that came after it.

Rules: the clock may have jumped back, so events are not in the order of their times; of each full block of
ids it is kept how late its latest event was, which what retention takes away makes no less of a bound.
"""

from __future__ import annotations

import sqlite3

from reconciler.store import queries

A_BLOCK = 1000  # ids


class Since:
    """For one connection that reads."""

    def __init__(self, a_block: int = A_BLOCK) -> None:
        self._a_block = a_block
        self._latest: dict[int, int] = {}  # the moment of the latest event, by block

    def first(self, connection: sqlite3.Connection, moment: int) -> int | None:
        """The lowest id of an event from then on."""
        (newest,) = connection.execute(queries.LAST_EVENT).fetchone()
        end = 0
        while (next_id := connection.execute(queries.FIRST_FROM, (end,)).fetchone()[0]) is not None:
            block = next_id // self._a_block
            if not end:
                self._forget_before(block)
            begin, end = block * self._a_block, (block + 1) * self._a_block
            latest = self._latest.get(block)
            if latest is None:
                (latest,) = connection.execute(queries.LATEST_OF, (begin, end)).fetchone()
                if newest >= end - 1:  # nothing is added to it any more
                    self._latest[block] = latest
            if latest >= moment:
                (found,) = connection.execute(queries.FIRST_SINCE, (begin, end, moment)).fetchone()
                if found is not None:
                    return int(found)
        return None

    def _forget_before(self, oldest: int) -> None:
        self._latest = {block: at for block, at in self._latest.items() if block >= oldest}
