"""Answers compressed with zstd or gzip, for who accepts it.

Rules: only what is read, and is long enough to gain by it; an answer that tells a secret is none of these, so
that nobody can learn of it from its length. What goes on is sent as it comes.
"""

from __future__ import annotations

import asyncio
import gzip

from api.accept import best, ranges

CODINGS = ("zstd", "gzip")
LEAST = 1024  # bytes
MUCH = 256 * 1024  # from here on it would keep others waiting
GZIP_LEVEL, ZSTD_LEVEL = 4, 3


def coding_of(header: str) -> str | None:
    """The coding that is liked most; None: as it is."""
    accepted = ranges(header) if header else {}
    liked = best(header, CODINGS) if accepted else None
    if liked is None:
        return None
    weight = accepted.get(liked, accepted.get("*", 0.0))
    return None if accepted.get("identity", 0.0) > weight else liked


async def packed(whole: bytes, coding: str) -> bytes:
    pack = _zstd if coding == "zstd" else _gzip
    return await asyncio.to_thread(pack, whole) if len(whole) >= MUCH else pack(whole)


def _gzip(whole: bytes) -> bytes:
    return gzip.compress(whole, GZIP_LEVEL, mtime=0)


def _zstd(whole: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(whole)
