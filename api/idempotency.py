"""`Idempotency-Key`: a write that is sent twice is done once, and both are answered alike.

Rules: the first answer that says that it was done is kept and told again; while the first is still at work,
the second is refused, and so is another request under the same key. One that a node's end has cut off is not
done again: whether it was done has to be looked at. What was refused is not kept: mended, it may be sent
under the same key. An answer with a secret is never kept, so such a write takes no key.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable
from email.utils import format_datetime
from hashlib import sha256
from typing import Any, NamedTuple

from litestar import Request, Response
from litestar.exceptions import InternalServerException
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.types.asgi_types import HTTPResponseStartEvent

from api.errors import Detailed, Fault, Wrong
from api.identity import SAFE
from reconciler.errors import Conflict, Invalid, Problem
from reconciler.runtime.answers import Answer
from reconciler.runtime.desk import Desk

ONCE = {"once": True}
"""The opt of a write whose answer must not be kept."""
LARGEST = 256 * 1024  # of an answer that is kept

log = logging.getLogger(__name__)

_KEY = re.compile(r"[!-~]{1,255}")


class Reused(Detailed):
    """Something else was asked under this key."""

    code = "IDEMPOTENCY_KEY_REUSED"


class InDoubt(Detailed):
    """The node ended while the first request under this key was at work."""

    code = "IDEMPOTENCY_IN_DOUBT"


class _Claim(NamedTuple):
    name: str  # of the answer
    asked: str


class Idempotency:
    """Just around the framework, and its first hook in it: that comes when it is known who asks."""

    def __init__(self, inner: ASGIApp, desk: Desk) -> None:
        self._inner = inner
        self._desk = desk
        self._running: dict[str, str] = {}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if "idempotency-key" not in scope["state"]["headers"]:
            return self._inner(scope, receive, send)
        return self._once(scope, receive, send)

    async def _once(self, scope: Scope, receive: Receive, send: Send) -> None:
        state: dict[str, Any] = scope["state"]
        state["idempotency"] = self
        start: HTTPResponseStartEvent | None = None
        body = b""

        async def passed(message: Message) -> None:
            nonlocal start, body
            claim: _Claim | None = state.get("claim")
            if claim is None:
                await send(message)
            elif message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body" and start is not None:
                body += message["body"]
                if not message["more_body"]:
                    if start["status"] < 300 and len(body) <= LARGEST:  # noqa: PLR2004
                        kept = await self._keep(claim, start, body)
                        start["headers"] = [*start["headers"], *_told(kept)]
                    else:
                        await self._forget(claim)
                    await send(start)
                    await send({"type": "http.response.body", "body": body, "more_body": False})

        try:
            await self._inner(scope, receive, passed)
        finally:
            if claim := state.get("claim"):
                self._running.pop(claim.name, None)

    async def begin(self, request: Request[Any, Any, Any]) -> Response[bytes] | None:
        """Answer as before, or go on as the first."""
        key = request.scope["state"]["headers"]["idempotency-key"]
        if not _KEY.fullmatch(key):
            told = "up to 255 visible characters of ASCII"
            raise Wrong(Fault("/header/Idempotency-Key", "Idempotency-Key", f"expected {told}"))
        if request.route_handler.opt.get("once"):
            told = "its answer holds a secret, which is never kept"
            raise Wrong(Fault("/header/Idempotency-Key", "Idempotency-Key", told, "send it without one"))
        actor = request.scope["state"]["caller"].actor
        name = sha256(f"{actor}\n{key}".encode()).hexdigest()
        asked = await _asked(request)
        known = self._desk.answers.find(name)
        running = self._running.get(name)
        if (running or (known.asked if known else asked)) != asked:
            raise Reused("something else was asked under this key", remedy="choose another key")
        if running is not None:
            raise Conflict(
                "the first request under this key is still at work", remedy="ask again in a moment"
            )
        if known is not None and known.in_doubt:
            raise InDoubt(
                "the node ended while the first request under this key was at work: it may have been done",
                remedy="see in `GET /api/v1/audit` and in the resource itself whether it was; "
                "if it was not, ask under another key",
            )
        if known is not None:
            return _again(known)
        self._running[name] = asked
        request.scope["state"]["claim"] = _Claim(name, asked)
        await self._desk.answers.begin(name, asked)
        return None

    async def _forget(self, claim: _Claim) -> None:
        try:
            await self._desk.answers.forget(claim.name)
        except Problem as problem:  # what it was answered is told all the same
            log.warning("an Idempotency-Key stays in doubt after a restart: %s", problem)

    async def _keep(self, claim: _Claim, start: HTTPResponseStartEvent, body: bytes) -> Answer:
        media_type = dict(start["headers"]).get(b"content-type", b"").decode()
        return await self._desk.answers.keep(*claim, start["status"], media_type, body.decode())


async def once(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """For the framework's hook before every route."""
    idempotency: Idempotency | None = request.scope["state"].get("idempotency")
    if idempotency is None or request.method in SAFE:
        return None
    return await idempotency.begin(request)


async def _asked(request: Request[Any, Any, Any]) -> str:
    """Names all that is asked."""
    target = f"{request.method} {request.url.path}?{request.url.query}\n"
    try:
        return sha256(target.encode() + await request.body()).hexdigest()
    except InternalServerException as error:
        raise Invalid("the request ended before its body did") from error


def _again(answer: Answer) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in _told(answer)}
    headers["idempotency-replayed"] = "true"
    body = answer.body.encode()
    return Response(body, status_code=answer.status, media_type=answer.media_type, headers=headers)


def _told(answer: Answer) -> list[tuple[bytes, bytes]]:
    return [(b"idempotency-expires", format_datetime(answer.until, usegmt=True).encode())]
