"""Within which request, and which trace of W3C, something is done: for log lines, wherever they are written.

Rules: a caller's trace goes on, with a span of our own in it; who brings none begins one here. What makes no
sense as a `traceparent` is passed over, as the recommendation asks.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from os import urandom
from typing import NamedTuple

TRACE_PARENT = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
NONE = re.compile("0+")


class Within(NamedTuple):
    request_id: str
    trace_id: str
    span_id: str
    parent_id: str = ""  # the caller's span; empty: the trace begins here


WITHIN: ContextVar[Within | None] = ContextVar("within", default=None)


def begin(request_id: str, traceparent: str) -> Within:
    """Of all that is done in this task from now on."""
    trace, parent = traced(traceparent) or (urandom(16).hex(), "")
    found = Within(request_id, trace, urandom(8).hex(), parent)
    WITHIN.set(found)
    return found


def traced(traceparent: str) -> tuple[str, str] | None:
    """The trace and the span that a caller is in."""
    said = TRACE_PARENT.fullmatch(traceparent)
    if said is None or said[1] == "ff" or NONE.fullmatch(said[2]) or NONE.fullmatch(said[3]):
        return None
    return said[2], said[3]
