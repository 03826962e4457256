"""What the simulated kinds are given beside the world: somebody who sees every call."""

from __future__ import annotations

from typing import Any, Protocol

from reconciler.model import Ref, Resource, Step


class Witness(Protocol):
    """Who sees every call of a port, and checks that it may be made."""

    def looking(self, want: Resource[Any], *, fresh: bool) -> None: ...
    def looked(self, ref: Ref) -> None: ...
    def acting(self, ref: Ref, step: Step) -> None: ...
    def acted(self, ref: Ref) -> None: ...
