"""What the witness asks of those who know what should be."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from reconciler.model import Ref
from tests.simulation.oracle import Wants


class Submitting(Protocol):
    """A submission that is under way: what may be doomed because of it."""

    @property
    def source(self) -> str: ...
    @property
    def allowed(self) -> bool: ...
    def reached(self) -> frozenset[str]:
        """The sources that would count."""
        ...

    def wanted(self) -> frozenset[Ref]:
        """What would be wanted by those that were read."""
        ...


class Known(Protocol):
    """What the oracle believes."""

    def now(self) -> datetime: ...
    def wants(self) -> Wants: ...
    def protected(self) -> frozenset[Ref]:
        """What must not be removed now."""
        ...

    def wanted_aloud(self) -> frozenset[Ref]:
        """By the sources that were read in the life of this process, in what could be read of them."""
        ...

    def voices(self) -> frozenset[tuple[str, Ref]]:
        """Which source declares what, as far as it counts, and for all that anybody knows."""
        ...

    def read(self) -> frozenset[str]:
        """Those sources."""
        ...

    def reached(self) -> frozenset[str]:
        """The sources that count."""
        ...

    def unread(self) -> frozenset[str]:
        """Those that were declared to this process, and were not read by it."""
        ...

    def unasked(self, ref: Ref) -> frozenset[str]:
        """Those that may have what was withdrawn, and that there was no time to look at since."""
        ...
