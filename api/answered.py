"""How long each route takes to answer, and with what: around all else, so that no refusal is left out.

Rules: an answer counts from its beginning, so that a stream which goes on for hours is no slow one; what fits
no route counts under one name, however many paths strangers try.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import perf_counter

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from reconciler.runtime.tracing import Tracing

NO_ROUTE = "none"
CUT_OFF = "cut off"  # the client went, or the node stopped, before there was an answer
METHODS = frozenset({*(str(one.value) for one in HttpMethod), "OPTIONS"})

Track = Callable[[float, str, str, str], None]
"""Who counts requests: how many seconds one took, its method, its route, the status."""
Note = Callable[[HTTPScope, str, int], None]
"""Somebody who wants to know what was answered, by which route, and with which status."""

log = logging.getLogger(__name__)


class Answered:
    def __init__(self, inner: ASGIApp, track_request: Track, tracing: Tracing, note: Note) -> None:
        self._inner = inner
        self._track_request = track_request
        self._tracing = tracing
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._inner(scope, receive, send)
            return
        state, began = scope["state"], perf_counter()
        try:
            await self._inner(scope, receive, send)
        finally:
            status, at = state.get("answered", (CUT_OFF, perf_counter()))
            took, route = at - began, state.get("route") or NO_ROUTE
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._track_request(took, method, route, str(status))
            self._tracing.answered(method, route, str(status), took)
            _write_down(scope, route, str(status), took)
            if status != CUT_OFF:
                self._note(scope, route, status)


def _write_down(scope: HTTPScope, route: str, status: str, took: float) -> None:
    """What went well for who looks closely, refusals for everybody, our own faults as warnings."""
    level = logging.DEBUG if status < "4" else logging.INFO
    if "5" <= status < "6":
        level = logging.WARNING
    if log.isEnabledFor(level):
        asked = {
            "method": scope["method"],
            "path": scope["path"],
            "route": route,
            "status": status,
            "door": str(scope["state"].get("door", "")),
            "duration_ms": round(took * 1000, 3),
        }
        told = (scope["method"], ascii(scope["path"])[1:-1], status, took * 1000)
        log.log(level, "%s %s %s in %.1f ms", *told, extra={"fields": asked})
