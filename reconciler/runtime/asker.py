"""Who asks the node for something, and by which request: what operations and events remember of it."""

from __future__ import annotations

from typing import NamedTuple


class Asker(NamedTuple):
    actor: str  # "uid:0 root"
    request_id: str = ""
    trace_id: str = ""  # W3C trace context, where the caller has one
