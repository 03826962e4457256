"""What every request passes first, and every answer last: its id, the host it was meant for, the last net.

Rules: every answer carries `X-Request-ID`, the caller's own when it is a sane one; over TCP a request
must name a loopback host, because a web page that a browser was tricked into showing names another (a
push hook proves itself instead, and comes through a proxy under whatever name, and so does all that a
trusted proxy passes on; over TLS the certificate says for whom it was meant);
what still escapes from below ends as a problem document, never in the server's loop.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Trouble, refuse, trouble
from api.identity import Door
from api.listen import is_loopback
from reconciler.within import begin, fresh_request_id

HOOKS = "/api/v1/hooks/"
SANE = re.compile(r"[A-Za-z0-9._:-]{1,100}")

USUAL = (  # what answers carry is data: nobody keeps it, frames it, guesses at it, or runs anything of it
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

STRICT = ((b"strict-transport-security", b"max-age=31536000"),)
"""Over TLS: from now on not without. Of this machine's own name more than this node is served."""

log = logging.getLogger(__name__)


class Gate:
    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        state = scope["state"]
        headers = state["headers"] = _by_name(scope["headers"])
        request_id = _request_id(headers.get("x-request-id", ""))
        state["request_id"] = request_id
        begin(request_id, headers.get("traceparent", ""))
        host = headers.get("host", "")
        secure = scope["scheme"] == "https"
        kept = STRICT if secure and not _meant_for_us(host) else ()
        passed = _Outgoing(send, request_id, kept, whole=scope["method"] != "HEAD")
        any_name = (
            Door(state["door"]) is Door.SOCKET
            or scope["path"].startswith(HOOKS)
            or state.get("proxied")
            or secure
        )
        if not (any_name or _meant_for_us(host)):
            told = Trouble("FORBIDDEN", "this host is not served here", "ask for localhost or 127.0.0.1")
            await refuse(told, scope, passed)
            return
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            told = Trouble(  # what is said after it may be anything
                "INVALID_REQUEST",
                "a body may be sent in chunks, and in no other coding",
                headers={"connection": "close"},
            )
            await refuse(told, scope, passed)
            return
        inner = scope.copy()
        if scope["method"] == "HEAD":  # answered as GET is, and its body left out
            inner["method"] = "GET"
        try:
            await self._inner(inner, receive, passed)
        except Exception as error:
            log.exception("%s %s %s", request_id, scope["method"], scope["path"])
            if passed.started:
                raise  # half an answer is out: only closing the connection says so
            await refuse(trouble(error), scope, passed)


class _Outgoing:
    """Adds the headers that every answer has, those aside that it says otherwise itself."""

    def __init__(
        self, send: Send, request_id: str, more: Sequence[tuple[bytes, bytes]], *, whole: bool
    ) -> None:
        self._send = send
        self._own = ((b"x-request-id", request_id.encode()), *USUAL, *more)
        self._whole = whole
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = message.get("headers", ())
            said = {name for name, _ in headers}
            if b"allow" in said:
                headers = [*map(_whole_allow, headers)]
            message["headers"] = [*headers, *(own for own in self._own if own[0] not in said)]
            await self._send(message)
            if not self._whole:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif self._whole:
            await self._send(message)


def _whole_allow(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Who answers GET answers HEAD too, which the framework does not know of."""
    name, value = header
    if name == b"allow" and b"GET" in value and b"HEAD" not in value:
        return name, value.replace(b"GET", b"GET, HEAD")
    return header


def _by_name(given: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """One that is said several times is a list (RFC 9110)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in given:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _request_id(given: str) -> str:
    return given if SANE.fullmatch(given) else fresh_request_id()


@lru_cache(maxsize=64)
def _meant_for_us(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)
