"""What the engine works with: handed in, so that a simulation can hand in another one."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from reconciler.ports.clock import Clock
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Store
from reconciler.records import dataclass


@dataclass(frozen=True, slots=True)
class World:
    kinds: Kinds
    uses: Mapping[str, Any]  # kind -> its frozen dataclass of ports
    store: Store
    clock: Clock
    random: Random
