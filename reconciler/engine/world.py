"""What the engine works with: handed in, so that a simulation can hand in another one."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Protocol

from reconciler.model import Ref
from reconciler.ports.clock import Clock
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Store
from reconciler.records import dataclass


class Tracer(Protocol):
    """Follows what is asked for into the passes that bring it about."""

    def reason(self, ref: Ref) -> None:
        """There is one to look at it: whatever is being done just now."""
        ...

    def begin(self, ref: Ref) -> None:
        """A pass: what is done in this task is done for those reasons."""
        ...

    def end(self, ref: Ref, outcome: str, took_s: float, *, goes_on: bool) -> None:
        """`goes_on`: the reasons hold for the next pass as well."""
        ...

    def ids(self) -> tuple[str, str]:
        """Of the request and of the trace that something is done for; empty: for none."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    kinds: Kinds
    uses: Mapping[str, Any]  # kind -> its frozen dataclass of ports
    store: Store
    clock: Clock
    random: Random
    tracer: Tracer | None = None  # whoever runs for a moment follows nothing
