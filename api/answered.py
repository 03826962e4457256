"""How long each route takes to answer, and with what: around all else, so that no refusal is left out.

Rules: an answer counts from its beginning, so that a stream which goes on for hours is no slow one; what fits
no route counts under one name, however many paths strangers try.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import perf_counter

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from reconciler.runtime.tracing import Tracing

NO_ROUTE = "none"
CUT_OFF = "cut off"  # the client went, or the node stopped, before there was an answer
METHODS = frozenset({*(str(one.value) for one in HttpMethod), "OPTIONS"})

Track = Callable[[float, str, str, str], None]
"""Who counts requests: how many seconds one took, its method, its route, the status."""
Note = Callable[[HTTPScope, str, int], None]
"""Somebody who wants to know what was answered, by which route, and with which status."""

log = logging.getLogger(__name__)


class Routed:
    """Just around the framework: notes which route it has chosen, for those further out."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._inner(scope, receive, send)
        finally:
            scope["state"]["route"] = scope.get("path_template")


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
        began, took, status = perf_counter(), 0.0, CUT_OFF

        async def passed(message: Message) -> None:
            nonlocal took, status
            if message["type"] == "http.response.start":
                took, status = perf_counter() - began, str(message["status"])
            await send(message)

        try:
            await self._inner(scope, receive, passed)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = str(scope["state"].get("route") or NO_ROUTE)
            took = took or perf_counter() - began
            self._track_request(took, method, route, status)
            _write_down(scope, route, status, took)
            tags = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            self._tracing.answered(f"{method} {route}", took, tags, failed="5" <= status < "6")
            if status != CUT_OFF:
                self._note(scope, route, int(status))


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
