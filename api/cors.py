"""Which web pages may ask (CORS): those of the allowed origins, and those that the node itself has served.

Rules: a page from elsewhere writes nothing and opens no WebSocket, whatever its browser sends without asking
first; what it reads otherwise its browser keeps from it. The Unix socket is out of any browser's reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from api.errors import Trouble, refuse
from api.identity import SAFE, Door
from reconciler import settings

Headers = list[tuple[bytes, bytes]]

PREFLIGHT_S = b"600"  # how long a browser need not ask again
SENT = b"Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID,"
SENT += b" X-API-Key, X-API-Version, X-Request-ID, traceparent"
SHOWN = b"Deprecation, ETag, Last-Event-ID, Link, RateLimit, RateLimit-Policy, Retry-After, Sunset,"
SHOWN += b" X-API-Version, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"


class Cors:
    def __init__(self, inner: ASGIApp, wanted: settings.Cors) -> None:
        self._inner = inner
        self._origins = frozenset(wanted.allowed_origins if wanted.enabled else ())
        self._methods = wanted.allowed_methods
        self._credentials = wanted.allow_credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or Door(scope["state"]["door"]) is Door.SOCKET:
            await self._inner(scope, receive, send)
            return
        headers: Mapping[str, str] = scope["state"]["headers"]
        origin = headers.get("origin", "")
        may = origin in self._origins
        if may and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": [*self._preflight(origin)]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        harmless = (
            scope["method"] in SAFE and "channel" not in scope
        )  # what it hears, no browser keeps from it
        if origin and not harmless and not (may or _is_own(origin, scope, headers)):
            told = Trouble(
                "FORBIDDEN",
                f"a web page from {origin} may change nothing here, and open no WebSocket",
                "name its origin in the setting `cors.allowed_origins`, if it is to be trusted",
            )
            await refuse(told, scope, send)
            return
        if may and scope["method"] not in {*SAFE, *self._methods}:
            told = Trouble(
                "FORBIDDEN",
                f"web pages may not ask with {scope['method']}",
                "name the method in the setting `cors.allowed_methods`",
            )
            await refuse(told, scope, send)
            return

        async def passed(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = [*self._told(origin), (b"access-control-expose-headers", SHOWN)] if may else []
                message["headers"] = [*message.get("headers", ()), (b"vary", b"Origin"), *told]
            await send(message)

        await self._inner(scope, receive, passed)

    def _told(self, origin: str) -> Iterator[tuple[bytes, bytes]]:
        yield b"access-control-allow-origin", origin.encode("latin-1")
        if self._credentials:
            yield b"access-control-allow-credentials", b"true"

    def _preflight(self, origin: str) -> Iterator[tuple[bytes, bytes]]:
        yield from self._told(origin)
        yield b"access-control-allow-methods", ", ".join(self._methods).encode()
        yield b"access-control-allow-headers", SENT
        yield b"access-control-max-age", PREFLIGHT_S
        yield b"vary", b"Origin"


def _is_own(origin: str, scope: HTTPScope, headers: Mapping[str, str]) -> bool:
    """The page was served by this very listener."""
    return origin == f"{scope['scheme']}://{headers.get('host', '')}"
