"""Whatever stands in a header, a cursor or a body: a problem document at the most, and nothing changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.errors import STATUS
from tests.api.nodes import Running, api_key, key, running, secret

SEEN = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ONE = "/api/v1/resources/key/default/release"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

# What headers are made of, beside any text: pieces that mean something to one of their parsers.
PIECES = (
    *('"', ",", ";", "=", "*", "/", "-", ":", " ", "\t", "q=", "W/", '""', "0", "1e999", "-1", "nan", "inf"),
    *("bytes=", "0-0", "*/*", "application/json", "text/event-stream", "application/vnd.holdfast.v9+json"),
    *(
        "gzip",
        "zstd;q=0",
        "identity;q=0",
        "Bearer ",
        "Basic ",
        "127.0.0.1",
        "[::1]",
        "::ffff:10.0.0.1%1",
        "unknown",
    ),
    *("https", TRACE, "00-", "ff-", "9" * 40, "http://evil.example", "null", "chunked", "100-continue"),
)
NAMES = (
    *(
        "If-Match",
        "If-None-Match",
        "If-Modified-Since",
        "Range",
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
    ),
    *(
        "Idempotency-Key",
        "X-API-Key",
        "Authorization",
        "X-API-Version",
        "X-Request-ID",
        "traceparent",
        "tracestate",
    ),
    *(
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "Forwarded",
        "Host",
        "Origin",
        "Last-Event-ID",
    ),
    *(
        "Content-Type",
        "Content-Encoding",
        "Cookie",
        "Access-Control-Request-Method",
        "X-HTTP-Method-Override",
    ),
)
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30)
values = st.lists(st.sampled_from(PIECES) | texts, max_size=12).map("".join).map(str.strip)
headers = st.lists(st.tuples(st.sampled_from(NAMES), values), min_size=1, max_size=4)
asked = st.sampled_from(
    (
        ("GET", "/api/v1/resources?per_page=1", b""),
        ("GET", ONE, b""),
        ("HEAD", ONE, b""),
        ("OPTIONS", ONE, b""),
        ("DELETE", ONE, b""),
        ("POST", "/api/v1/reconcile", b'{"refs": ["key/nobody"]}'),
        ("POST", "/api/v1/apply", b'{"manifests": {"a.yaml": "kind: Nothing"}}'),
    )
)

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/v1/apply"): {"manifests": {"a.yaml": key("new")}, "set": "mine", "prune": False},
    ("POST", "/api/v1/diff"): {"manifests": {"a.yaml": key("new")}},
    ("POST", "/api/v1/reconcile"): {"refs": ["key/release"], "allow_prune": False},
    ("POST", "/api/v1/delete"): {"refs": ["key/release"]},
    ("POST", "/api/v1/overrides"): {"ref": "key/release", "patch": {"suspend": True}, "reason": "r"},
    ("POST", "/api/v1/auth/keys"): {"name": "new", "permissions": ["read"]},
    ("PUT", "/api/v1/auth/keys/all"): {"permissions": ["read"]},
    ("POST", "/api/v1/auth/keys/all/rotate"): {"grace": "1h"},
    ("POST", "/api/v1/sources/root/rollback"): {"revision": "dir:0", "reason": "r"},
}
CURSORS = (
    *("/api/v1/resources/all", "/api/v1/status/all", "/api/v1/events/history", "/api/v1/audit"),
    *("/api/v1/metrics/services", "/api/v1/services/none/metrics"),
)


@pytest.fixture
async def api() -> AsyncIterator[Running]:
    """All may be written, so that nothing but the parsers keeps anybody from it."""
    manifests = [key("release"), api_key("all", secret("a"), "admin")]
    async with running("---\n".join(manifests), api__writes=True) as node:
        await node.ready("key/release", "apikey/all", "source/root")
        await node.judged("root")
        await node.judged("inbox")
        yield node


async def say(
    api: Running, method: str, path: str, given: list[tuple[str, str]], body: bytes
) -> tuple[int, Any]:
    """Status and problem of the first answer; of what is well, no body."""
    names = {name.lower() for name, _ in given}
    own = [("Host", "localhost"), ("X-API-Key", secret("a")), ("Content-Type", "application/json")]
    lines = [*given, *((name, value) for name, value in own if name.lower() not in names)]
    lines += [("Content-Length", str(len(body))), ("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(*api.address("public"))
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        answer = await reader.read()
        writer.close()
    top, _, told = answer.partition(b"\r\n\r\n")
    if top.startswith(b"HTTP/1.1 100 "):
        top, _, told = told.partition(b"\r\n\r\n")
    status = int(top.split()[1])
    if status < 400 or method == "HEAD":
        return status, None
    assert b"content-type: application/problem+json" in top, answer
    problem = json.loads(told)
    assert problem["status"] == status == STATUS[problem["code"]]
    return status, problem


async def state(api: Running) -> object:
    """All that a request could have changed."""
    node = api.node
    inbox = node.settings.data / "inbox"
    operated = await api.socket.get("/api/v1/events/history?type=operation.*&limit=100")
    return (
        [(entry.ref, entry.want, entry.generation) for entry in node.engine.book],
        node.engine.overrides,
        {path: path.read_bytes() for path in inbox.rglob("*") if path.is_file()},
        operated.json()["data"],
    )


@pytest.fixture
async def unchanged(api: Running) -> AsyncIterator[None]:
    before = await state(api)
    yield
    assert await state(api) == before


@pytest.mark.req("TST-18", "TST-21", "ERR-01")
@given(request=asked, given_=headers)
@SEEN
async def test_no_header_does_harm(
    api: Running, unchanged: None, request: tuple[str, str, bytes], given_: list[tuple[str, str]]
) -> None:
    status, _ = await say(api, request[0], request[1], given_, request[2])
    assert status < 500
    assert status >= 400 or request[0] in {"GET", "HEAD", "OPTIONS"}


def forged(path: str, real: list[str]) -> st.SearchStrategy[str]:
    """Cut off, another list's, endless, or anything."""
    pieces = st.lists(st.sampled_from((*PIECES, *real)) | st.text(max_size=20), max_size=5).map("".join)
    cut = st.sampled_from(real).flatmap(lambda one: st.integers(0, len(one)).map(lambda at: one[:at]))
    huge = st.sampled_from(("9", "a", "/", "é")).flatmap(
        lambda one: st.integers(1, 5000).map(lambda n: one * n)
    )
    return pieces | cut | st.sampled_from(real) | huge


@pytest.mark.req("TST-18", "ERR-01")
@pytest.mark.parametrize("path", CURSORS)
@given(data=st.data())
@SEEN
async def test_no_cursor_does_harm(api: Running, unchanged: None, path: str, data: st.DataObject) -> None:
    real = ["Key/default/release", "12", "2026-11-21T12:00:00+00:00", "ApiKey/default/all"]
    cursor = data.draw(forged(path, real))
    status, problem = await say(api, "GET", f"{path}?cursor={quote(cursor, safe='')}", [], b"")
    assert status in {200, 400, 404}, problem


def broken(whole: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """What is no body of any kind, made from one that is."""
    body = json.dumps(whole).encode()
    first = json.dumps(next(iter(whole))).encode()
    places = st.integers(1, len(body) - 1)
    doubled = [
        b"{" + first + b": " + json.dumps(value).encode() + b", " + body[1:] for value in whole.values()
    ]
    return st.one_of(
        places.map(lambda at: body[:at]),
        places.map(lambda at: body[:at] + b"\xff" + body[at:]),
        places.map(lambda at: body[:at] + b"\x00" + body[at:]),
        st.integers(100, 50_000).map(lambda depth: b"[" * depth),
        st.integers(100, 50_000).map(lambda depth: b'{"a":' * depth),
        st.integers(300, 9000).map(lambda digits: b"{" + first + b": 1" + b"0" * digits + b"}"),
        st.sampled_from((b"1e400", b"-1e400", b"NaN", b"Infinity", b'"\\ud800"')).map(
            lambda odd: b"{" + first + b": " + odd + b"}"
        ),
        st.sampled_from(doubled),
        st.sampled_from((b"\xef\xbb\xbf", b"\xff\xfe", b"\x00")).map(lambda mark: mark + body),
        st.sampled_from(("utf-16", "utf-32", "utf-16-le")).map(lambda code: json.dumps(whole).encode(code)),
        st.sampled_from((b"null", b"[]", b'""', b"1", b"true", b"{}x", b"{,}", b"{'a': 1}", b"//\n{}")),
        st.binary(min_size=1, max_size=100).filter(lambda some: some.strip() != b"{}"),
    )


@pytest.mark.req("TST-18", "TST-21", "ERR-01", "CORE-17")
@pytest.mark.parametrize("route", BODIES)
@given(data=st.data())
@SEEN
async def test_no_body_does_harm(
    api: Running, unchanged: None, route: tuple[str, str], data: st.DataObject
) -> None:
    body = data.draw(broken(BODIES[route]))
    status, problem = await say(api, *route, [], body)
    assert 400 <= status < 500, (status, body)
    assert problem["detail"]
