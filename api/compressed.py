"""Answers compressed with zstd or gzip, for who accepts it.

Rules: only what is read, and is long enough to gain by it; an answer that tells a secret is none of these, so
that nobody can learn of it from its length. What goes on is sent as it comes.
"""

from __future__ import annotations

import asyncio
import gzip

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.accept import best, ranges

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
        held: Message | None = None

        async def passed(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if any(name == b"etag" for name, _ in headers):  # a document, whole
                    message["headers"] = [*headers, (b"vary", b"Accept-Encoding")]
                    if coding and message["status"] == 200:  # noqa: PLR2004
                        held = message
                        return
            elif held is not None and message["type"] == "http.response.body":
                start, held = held, None
                whole = message["body"]
                if not message.get("more_body") and len(whole) >= LEAST and coding:
                    message["body"] = packed = await _packed(whole, coding)
                    start["headers"] = [  # type: ignore[typeddict-unknown-key]
                        *((name, value) for name, value in start["headers"] if name != b"content-length"),  # type: ignore[typeddict-item]
                        (b"content-encoding", coding.encode()),
                        (b"content-length", b"%d" % len(packed)),
                    ]
                await send(start)
            await send(message)

        await self._inner(scope, receive, passed)


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
