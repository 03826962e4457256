"""Room for bodies: what all of them together may take of the memory, for each door on its own.

Rules: who finds no room is told so, and nobody waits for another; what is taken is given back when the
request is done, whatever becomes of it; strangers at one door take nothing from the owner at another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.errors import Unavailable

Take = Callable[[int], None]


class Room:
    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size

    @contextmanager
    def share(self) -> Iterator[Take]:
        """Take as bytes come in; all of it is given back at the end."""
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if count > self._left:
                raise Unavailable(
                    f"requests under way hold all of the {self._size} bytes that there are for bodies",
                    remedy="try again in a moment",
                )
            self._left -= count
            taken += count

        try:
            yield take
        finally:
            self._left += taken
