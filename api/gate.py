"""What every request passes on its way to the routes: its id, the host and the page behind it, its version.

Rules: every request has an id, the caller's own when it is a sane one; over TCP a request must name a
loopback host, because a web page that a browser was tricked into showing names another (a push hook proves
itself instead, and comes through a proxy under whatever name, and so does all that a trusted proxy passes
on; over TLS the certificate says for whom it was meant); who is refused here pays for it all the same; what
still escapes from below ends as a problem document, never in the server's loop.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api import versions
from api.cors import Cors
from api.errors import Detailed, failed
from api.identity import Door
from api.limits import Limiter, owed
from api.listen import is_loopback
from api.outgoing import READING, Outgoing
from reconciler.errors import Invalid, Refused
from reconciler.within import begin, fresh_request_id

API = "/api/"
HOOKS = "/api/v1/hooks/"
HOST = re.compile(r"[0-9A-Za-z!$&'()*+,;=\-._~:\[\]@%]*")
SANE = re.compile(r"[A-Za-z0-9._:-]{1,100}")

STRICT = (b"strict-transport-security", b"max-age=31536000")
"""Over TLS: from now on not without. Of this machine's own name more than this node is served."""

log = logging.getLogger(__name__)


class OtherCoding(Detailed, Invalid):
    """What is said after it may be anything."""

    headers: Mapping[str, str] = {"connection": "close"}

    def __init__(self) -> None:
        super().__init__("a body may be sent in chunks, and in no other coding")


class Gate:
    def __init__(self, inner: ASGIApp, cors: Cors, limiter: Limiter, as_of: Callable[[], int]) -> None:
        self._inner = inner
        self._cors = cors
        self._limiter = limiter
        self._as_of = as_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        state: dict[str, Any] = scope["state"]
        headers = state["headers"] = _by_name(scope["headers"])
        request_id = state["request_id"] = _request_id(headers.get("x-request-id", ""))
        begin(request_id, headers.get("traceparent", ""))
        going = Outgoing(send, scope, self._limiter)
        going.beside.append((b"x-request-id", request_id.encode()))
        try:
            _refuse_foreign(scope, headers, going)
            if state["door"] is not Door.SOCKET:
                if before := self._cors.before(scope["method"], headers):
                    await going({"type": "http.response.start", "status": 204, "headers": before})
                    await going({"type": "http.response.body", "body": b"", "more_body": False})
                    return
                going.beside += self._cors.check(scope, headers)
                going.varies.append(b"Origin")
            inner = _as_routes_know_it(scope, headers, going)
            if scope["method"] in READING and scope["path"].startswith(API):
                going.place = b"%d" % self._as_of()  # before anything is read: what is not shown comes after
            await self._inner(inner, receive, going)
        except Exception as error:
            if going.started:
                log.exception("%s %s %s", request_id, scope["method"], scope["path"])
                raise  # half an answer is out: only closing the connection says so
            await failed(owed(scope, self._limiter) or error, scope, going)


def _refuse_foreign(scope: HTTPScope, headers: dict[str, str], going: Outgoing) -> None:
    state, host = scope["state"], headers.get("host", "")
    if scope["scheme"] == "https":
        if not _meant_for_us(host):
            going.beside.append(STRICT)
    elif not (
        state["door"] is Door.SOCKET
        or _meant_for_us(host)
        or scope["path"].startswith(HOOKS)
        or state.get("proxied")
    ):
        raise Refused("this host is not served here", remedy="ask for localhost or 127.0.0.1")
    if not HOST.fullmatch(host):
        raise Invalid("the header `Host` names no host")
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise OtherCoding


def _as_routes_know_it(scope: HTTPScope, headers: dict[str, str], going: Outgoing) -> HTTPScope:
    """With a version in its path; and GET for HEAD, whose body is left out on its way back."""
    named = versions.in_path(scope["path"])
    if named is not None:
        going.version = versions.PRESENT  # of a refusal, too
        going.version = versions.chosen(named, headers)
    if scope["method"] == "HEAD":
        scope = scope.copy()
        scope["method"] = "GET"
    if named == versions.NONE:
        scope = scope.copy()
        scope["path"] = f"{API}v{going.version}/{scope['path'].removeprefix(API)}"
        scope["raw_path"] = scope["path"].encode()
    return scope


def _by_name(given: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """One that is said several times is a list (RFC 9110)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in given:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _request_id(given: str) -> str:
    return given if given and SANE.fullmatch(given) else fresh_request_id()


@lru_cache(maxsize=64)
def _meant_for_us(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)
