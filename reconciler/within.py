"""Within which request, and which trace of W3C, something is done: for log lines, wherever they are written.

Rules: a caller's trace goes on, with a span of our own in it; who brings none begins one here. What makes no
sense as a `traceparent` is passed over, as the recommendation asks.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from random import Random
from typing import NamedTuple

TRACE_PARENT = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
NONE = re.compile("0+")
NAMES = Random()  # noqa: S311 - ids name and prove nothing, and the kernel's randomness costs a call each


class Within(NamedTuple):
    request_id: str
    trace_id: str
    span_id: str
    parent_id: str = ""  # the caller's span; empty: the trace begins here


WITHIN: ContextVar[Within | None] = ContextVar("within", default=None)


def fresh_request_id() -> str:
    return f"req-{NAMES.getrandbits(48):012x}"


def begin(request_id: str, traceparent: str) -> Within:
    """Of all that is done in this task from now on."""
    trace, parent = traced(traceparent) or ("", "")
    found = begun(request_id, trace, parent)
    WITHIN.set(found)
    return found


def begun(request_id: str = "", trace_id: str = "", parent_id: str = "") -> Within:
    """A span of our own, in a trace of its own unless it is in another's."""
    return Within(request_id, trace_id or f"{NAMES.getrandbits(128):032x}", _span_id(), parent_id)


def below(outer: Within) -> Within:
    """A span of our own, for something that is done for another."""
    return outer._replace(span_id=_span_id(), parent_id=outer.span_id)


def traced(traceparent: str) -> tuple[str, str] | None:
    """The trace and the span that a caller is in."""
    said = TRACE_PARENT.fullmatch(traceparent)
    if said is None or said[1] == "ff" or NONE.fullmatch(said[2]) or NONE.fullmatch(said[3]):
        return None
    return said[2], said[3]


def _span_id() -> str:
    return f"{NAMES.getrandbits(64):016x}"
