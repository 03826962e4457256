"""Who asks the node for something, and by which request: what operations and events remember of it.

Rules: a dry run takes the way of the real one, through every check, up to where that begins to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from reconciler.views import PreviewView


class Asker(NamedTuple):
    actor: str  # "uid:0 root"
    request_id: str = ""
    trace_id: str = ""  # W3C trace context, where the caller has one
    dry_run: bool = False  # only asks what would be done


class Rehearsed(Exception):
    """A dry run has come to where the real one begins to write; `plan` is what that would change."""

    def __init__(self, plan: PreviewView) -> None:
        super().__init__("a dry run")
        self.plan = plan
