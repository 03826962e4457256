"""What every answer leaves by: all that is said around it is said here, at once, when its head is known.

Rules: a document (JSON that was read, or what bears a tag of its own) waits for its body, which may name it:
who knows it already is told so and no more, and who accepts it gets it compressed; who has its body at once
hands over both. All else passes as it comes. What an answer says itself is not said otherwise here; to HEAD
the body is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from time import perf_counter

from litestar.types import HTTPScope, Message, Send
from litestar.types.asgi_types import HTTPResponseBodyEvent, HTTPResponseStartEvent

from api.compressed import LEAST, coding_of, packed
from api.conditional import knows, tag_of
from api.limits import Limiter, Taken, told_of
from api.one_piece import OnePiece
from api.versions import JSON, renamed

Headers = list[tuple[bytes, bytes]]

USUAL = (  # what answers carry is data: nobody keeps it, frames it, guesses at it, or runs anything of it
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
NAMES = frozenset(name for name, _ in USUAL)
ASKED_AGAIN = (b"cache-control", b"private, no-cache")
"""Of a document: it may be kept by who has asked, and is asked for by its tag."""

READING = frozenset({"GET", "HEAD"})
DOCUMENT = JSON.encode()
OK, NOTHING_NEW, ERRORS = 200, 304, HTTPStatus.BAD_REQUEST
UNTOLD = frozenset({b"content-type", b"content-length"})  # of what has not changed


class Outgoing:
    def __init__(self, send: Send, scope: HTTPScope, limiter: Limiter) -> None:
        self._send = send
        self._together = send.together if isinstance(send, OnePiece) else None
        self._state = scope["state"]
        self._method = scope["method"]
        self._limiter = limiter
        self._document: HTTPResponseStartEvent | None = None  # its head, until its body comes
        self.beside: Headers = []  # said with whatever the answer is
        self.varies: list[bytes] = []  # the headers that it depends on
        self.version = 0  # of the API; 0: it is about none
        self.place = b""  # in the log, where it is true
        self.started = False

    async def __call__(self, message: Message) -> None:
        head, self._document = self._document, None  # one whose body never comes is not said
        if message["type"] == "http.response.start":
            if self.started:
                raise RuntimeError("half an answer is out, and nothing else can be said any more")
            if self._method in READING and _is_document(message):
                self._document = message
            else:
                await self._begin(message["status"], [*message.get("headers", ())])
        elif message["type"] == "http.response.body":
            if head is not None:
                await self._tell([*head["headers"]], message)
            elif self._method != "HEAD":
                await self._send(message)

    async def document(self, headers: Headers, body: bytes) -> None:
        """One that went well, and is all there."""
        self._document = None
        if self.started or self._method not in READING:
            await self({"type": "http.response.start", "status": OK, "headers": headers})
            await self(_body(body))
        else:
            await self._tell(headers, _body(body))

    async def _tell(self, headers: Headers, body: HTTPResponseBodyEvent) -> None:
        """A document; or, to who knows it, that it is the same."""
        status, whole = OK, not body.get("more_body")
        tag = next((value for name, value in headers if name == b"etag"), b"")
        if whole and not tag:
            tag = tag_of(body["body"]).encode()
            headers.append((b"etag", tag))
        if tag:
            headers.append(ASKED_AGAIN)
            self.varies.append(b"Accept-Encoding")
            asked: dict[str, str] = self._state["headers"]
            if "if-none-match" in asked and knows(asked["if-none-match"], tag.decode()):
                status, body = NOTHING_NEW, _body(b"")
                headers = [(name, value) for name, value in headers if name not in UNTOLD]
            elif whole and "accept-encoding" in asked and (coding := coding_of(asked["accept-encoding"])):
                headers = await _pack(headers, body, coding)
        if self._together is not None and self._method != "HEAD":
            await self._together(self._head(status, headers), body)
            return
        await self._begin(status, headers)
        if self._method != "HEAD":
            await self._send(body)

    async def _begin(self, status: int, headers: Headers) -> None:
        await self._send(self._head(status, headers))
        if self._method == "HEAD":
            await self._send(_body(b""))

    def _head(self, status: int, headers: Headers) -> HTTPResponseStartEvent:
        self.started = True
        self._state["answered"] = status, perf_counter()
        told = self._around(status, headers)
        return {"type": "http.response.start", "status": status, "headers": told}

    def _around(self, status: int, headers: Headers) -> Headers:
        said = {name for name, _ in headers}
        if b"allow" in said:
            headers = [*map(_whole_allow, headers)]
        if self.version:
            headers = renamed(headers, self._state.get("media_type", ""))
            headers.append((b"x-api-version", b"%d" % self.version))
            headers += self._state.get("deprecation", ())
            self.varies.append(b"Accept, X-API-Version")
        headers += _unless(said)
        headers += self.beside
        if self.varies:
            headers.append((b"vary", b", ".join(self.varies)))
        if self.place and status < ERRORS:
            headers.append((b"last-event-id", self.place))
        taken: Taken | None = self._state.get("taken")
        if taken is not None:
            if status == NOTHING_NEW and taken.is_key:
                self._limiter.give_back(taken)
            headers += told_of(taken)
        return headers


def _body(told: bytes) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": told, "more_body": False}


def _is_document(head: HTTPResponseStartEvent) -> bool:
    headers = dict(head["headers"])
    return head["status"] == OK and (headers.get(b"content-type") == DOCUMENT or b"etag" in headers)


async def _pack(headers: Headers, body: HTTPResponseBodyEvent, coding: str) -> Headers:
    """The body, and what is said of it; as they are where nothing is gained by it."""
    if len(body["body"]) < LEAST:
        return headers
    body["body"] = await packed(body["body"], coding)
    left = [(name, value) for name, value in headers if name != b"content-length"]
    return [
        *left,
        (b"content-encoding", coding.encode()),
        (b"content-length", b"%d" % len(body["body"])),
    ]


def _unless(said: set[bytes]) -> Sequence[tuple[bytes, bytes]]:
    return USUAL if said.isdisjoint(NAMES) else [one for one in USUAL if one[0] not in said]


def _whole_allow(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Who answers GET answers HEAD too, which the framework does not know of."""
    name, value = header
    if name == b"allow" and b"GET" in value and b"HEAD" not in value:
        return name, value.replace(b"GET", b"GET, HEAD")
    return header
