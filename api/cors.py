"""Which web pages may ask (CORS): those of the allowed origins, and those that the node itself has served.

Rules: a page from elsewhere writes nothing and opens no WebSocket, whatever its browser sends without asking
first; what it reads otherwise its browser keeps from it. The Unix socket is out of any browser's reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from litestar.types import HTTPScope

from api.identity import SAFE
from reconciler import settings
from reconciler.errors import Refused

Headers = list[tuple[bytes, bytes]]

PREFLIGHT_S = b"600"  # how long a browser need not ask again
SENT = b"Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID,"
SENT += b" X-API-Key, X-API-Version, X-Request-ID, traceparent"
SHOWN = b"Deprecation, ETag, Last-Event-ID, Link, RateLimit, RateLimit-Policy, Retry-After, Sunset,"
SHOWN += b" X-API-Version, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"


class Cors:
    def __init__(self, wanted: settings.Cors) -> None:
        self._origins = frozenset(wanted.allowed_origins if wanted.enabled else ())
        self._methods = wanted.allowed_methods
        self._credentials = wanted.allow_credentials

    def before(self, method: str, headers: Mapping[str, str]) -> Headers:
        """What a browser is told that asks whether its page may ask; nothing: it does not, or may not."""
        origin = headers.get("origin", "")
        if method != "OPTIONS" or origin not in self._origins:
            return []
        return [*self._preflight(origin)] if "access-control-request-method" in headers else []

    def check(self, scope: HTTPScope, headers: Mapping[str, str]) -> Headers:
        """What a page's browser is told with the answer; raises where the page may not ask."""
        origin, method = headers.get("origin", ""), scope["method"]
        if not origin:
            return []
        may = origin in self._origins
        harmless = method in SAFE and "channel" not in scope  # what it hears, no browser keeps from it
        if not (harmless or may or _is_own(origin, scope, headers)):
            raise Refused(
                f"a web page from {origin} may change nothing here, and open no WebSocket",
                remedy="name its origin in the setting `cors.allowed_origins`, if it is to be trusted",
            )
        if may and method not in {*SAFE, *self._methods}:
            raise Refused(
                f"web pages may not ask with {method}",
                remedy="name the method in the setting `cors.allowed_methods`",
            )
        return [*self._told(origin), (b"access-control-expose-headers", SHOWN)] if may else []

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
