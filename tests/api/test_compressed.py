"""What is read comes compressed to who accepts it, and is the same."""

from __future__ import annotations

import gzip

import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from api.compressed import LEAST, coding_of
from tests.api.nodes import Running

DOCUMENT = "/api/v1/openapi.json"


async def raw(client: httpx.AsyncClient, path: str, accepted: str) -> tuple[httpx.Response, bytes]:
    """As it comes over the wire."""
    async with client.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


@pytest.mark.req("CORE-21")
@pytest.mark.parametrize("path", [DOCUMENT, "/api/v1/resources"])
async def test_it_is_compressed_as_it_is_accepted(api: Running, path: str) -> None:
    plain, whole = await raw(api.public, path, "identity")
    assert "content-encoding" not in plain.headers
    assert len(whole) >= LEAST
    zipped, packed = await raw(api.public, path, "gzip, deflate")
    assert (zipped.headers["content-encoding"], int(zipped.headers["content-length"])) == (
        "gzip",
        len(packed),
    )
    assert len(gzip.decompress(packed)) == pytest.approx(len(whole), abs=50), "ages pass"
    assert len(packed) < len(whole) / 2
    best, packed = await raw(api.public, path, "gzip, deflate, zstd")
    assert best.headers["content-encoding"] == "zstd"
    assert len(zstandard.ZstdDecompressor().decompress(packed)) == pytest.approx(len(whole), abs=50)
    assert plain.headers["etag"] == zipped.headers["etag"] == best.headers["etag"]
    for answer in (plain, zipped, best):
        assert "Accept-Encoding" in ", ".join(answer.headers.get_list("vary"))


async def test_what_is_short_or_known_comes_as_it_is(api: Running) -> None:
    short, body = await raw(api.public, "/api/v1/overrides", "gzip")
    assert "content-encoding" not in short.headers
    assert int(short.headers["content-length"]) == len(body) < LEAST
    tag = (await api.public.get(DOCUMENT)).headers["etag"]
    known = await api.public.get(DOCUMENT, headers={"If-None-Match": tag, "Accept-Encoding": "gzip"})
    assert (known.status_code, known.content) == (304, b"")
    assert "content-encoding" not in known.headers
    head = await api.public.head(DOCUMENT, headers={"Accept-Encoding": "gzip"})
    assert head.headers["content-encoding"] == "gzip"


async def test_a_secret_is_not_told_compressed(api: Running) -> None:
    body = {"name": "x" * 60, "permissions": ["read"] * 200}
    made = await api.socket.post("/api/v1/auth/keys", json=body, headers={"Accept-Encoding": "gzip"})
    assert made.json()["secret"]
    assert len(made.content) >= LEAST
    assert "content-encoding" not in made.headers


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None), ("gzip", "gzip"), ("br", None), ("*", "zstd"), ("gzip;q=0", None),
        ("zstd;q=0, *", "gzip"),
        ("gzip;q=0.5, identity", None), ("gzip, identity;q=0.5", "gzip"), ("zstd;q=0.1, gzip", "gzip"),
    ],
)  # fmt: skip
def test_the_coding_that_is_liked_most(header: str, coding: str | None) -> None:
    assert coding_of(header) == coding


@given(st.text())
def test_any_text_is_read(header: str) -> None:
    assert coding_of(header) in {None, "zstd", "gzip"}
