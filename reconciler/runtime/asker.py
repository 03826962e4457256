"""Who asks the node for something, and by which request: what operations and events remember of it.

Rules: a dry run takes the way of the real one, through every check, up to where that begins to write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model import Event, JsonValue

if TYPE_CHECKING:
    from reconciler.views import PreviewView


Still = Callable[[], None]
"""Raises where something is no longer as the caller has seen it."""


def as_it_is() -> None:
    """For who writes whatever it is by now."""


class Asker(NamedTuple):
    actor: str  # "uid:0 root"
    request_id: str = ""
    trace_id: str = ""  # W3C trace context, where the caller has one
    dry_run: bool = False  # only asks what would be done
    address: str = ""  # where it came from over TCP

    def event(self, name: str, at: datetime, data: Mapping[str, JsonValue]) -> Event:
        """What they have asked for, as the log remembers it."""
        told = {**data, "address": self.address} if self.address else data
        return Event(name, at, None, told, self.actor, self.request_id, self.trace_id)


class Rehearsed(Exception):
    """A dry run has come to where the real one begins to write; `plan` is what that would change."""

    def __init__(self, plan: PreviewView) -> None:
        super().__init__("a dry run")
        self.plan = plan
