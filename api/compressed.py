"""Answers compressed with zstd or gzip, for who accepts it.

Rules: only what is read, and is long enough to gain by it; an answer that tells a secret is none of these, so
that nobody can learn of it from its length. What goes on is sent as it comes.
"""

from __future__ import annotations

import asyncio
import gzip
from http import HTTPStatus

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.accept import best, ranges
from api.held import Held

CODINGS = ("zstd", "gzip")
LEAST = 1024  # bytes
MUCH = 256 * 1024  # from here on it would keep others waiting
GZIP_LEVEL, ZSTD_LEVEL = 4, 3


class Compressed:
    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await self._inner(scope, receive, send)
            return
        coding = coding_of(scope["state"]["headers"].get("accept-encoding", ""))

        def waits(head: Message) -> bool:
            headers = list(head.get("headers", ()))  # type: ignore[call-overload] # it is a head
            if not any(name == b"etag" for name, _ in headers):
                return False
            head["headers"] = [*headers, (b"vary", b"Accept-Encoding")]  # type: ignore[typeddict-unknown-key] # a document, whole
            return coding is not None and head["status"] == HTTPStatus.OK  # type: ignore[typeddict-item]

        async def tell(head: Message, body: Message) -> None:
            whole: bytes = body["body"]  # type: ignore[typeddict-item] # it is a body
            if coding and not body.get("more_body") and len(whole) >= LEAST:
                body["body"] = packed = await _packed(whole, coding)  # type: ignore[typeddict-unknown-key]
                head["headers"] = [  # type: ignore[typeddict-unknown-key]
                    *((name, value) for name, value in head["headers"] if name != b"content-length"),  # type: ignore[typeddict-item]
                    (b"content-encoding", coding.encode()),
                    (b"content-length", b"%d" % len(packed)),
                ]
            await send(head)
            await send(body)

        await self._inner(scope, receive, Held(send, waits, tell))


def coding_of(header: str) -> str | None:
    """The coding that is liked most; None: as it is."""
    accepted = ranges(header) if header else {}
    liked = best(header, CODINGS) if accepted else None
    if liked is None:
        return None
    weight = accepted.get(liked, accepted.get("*", 0.0))
    return None if accepted.get("identity", 0.0) > weight else liked


async def _packed(whole: bytes, coding: str) -> bytes:
    pack = _zstd if coding == "zstd" else _gzip
    return await asyncio.to_thread(pack, whole) if len(whole) >= MUCH else pack(whole)


def _gzip(whole: bytes) -> bytes:
    return gzip.compress(whole, GZIP_LEVEL, mtime=0)


def _zstd(whole: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(whole)
