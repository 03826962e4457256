"""Bytes that are no requests, requests that never end, clients that go away: each is dealt with in bounds."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.types import Send

from api import connections, wire
from api.stream import Closing
from tests.api.nodes import Running, listening, serving_at, until

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/v1/reconcile HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def raw(
    api: Running, door: str = "socket"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if door == "socket":
        reader, writer = await asyncio.open_unix_connection(api.path)
    else:
        reader, writer = await asyncio.open_connection(*api.address(door))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def say(api: Running, said: bytes, door: str = "socket") -> bytes:
    """All that comes back until the node closes."""
    async with asyncio.timeout(60), raw(api, door) as (reader, writer):
        writer.write(said)
        return await reader.read()


def problem(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head, answer
    assert b"x-request-id: req-" in head
    told: dict[str, object] = json.loads(body)
    assert f"HTTP/1.1 {told['status']} ".encode() in head
    return told


@pytest.mark.req("ERR-01", "ERR-07")
@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"hello\r\n\r\n",
        b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET / HTTP/1.1\r\n: empty\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET " + b"/" * 60_000 + b"\x00 HTTP/1.1\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_http_is_told_so(api: Running, garbage: bytes) -> None:
    for door in ("socket", "public", "internal"):
        assert problem(await say(api, garbage, door))["code"] in {"INVALID_REQUEST", "HEADERS_TOO_LARGE"}


@given(garbage=st.lists(st.binary(max_size=200), max_size=5))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bytes_harm_the_node(api: Running, garbage: list[bytes]) -> None:
    async with raw(api, "public") as (reader, writer):
        for piece in garbage:
            writer.write(piece)
        if writer.can_write_eof():
            writer.write_eof()
        writer.close()
        await asyncio.wait({asyncio.ensure_future(reader.read())}, timeout=0.01)
    assert (await api.public.get("/health")).status_code == 200


async def test_targets_that_are_no_paths(api: Running) -> None:
    for target in (
        b"*",
        b"http://localhost/health",
        b"//localhost/health",
        b"/health#x",
        b"/%",
        b"/%zz",
        b"x",
    ):
        answer = await say(api, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200")), target
        if b"HTTP/1.1 4" in answer[:12]:
            problem(answer)


async def test_a_head_has_a_limit(api: Running) -> None:
    huge = HEAD + b"X-Huge: " + b"x" * (2 * wire.HEAD_BYTES)
    assert problem(await say(api, huge))["code"] == "HEADERS_TOO_LARGE"
    many = HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(20_000))
    assert problem(await say(api, many))["code"] == "HEADERS_TOO_LARGE"
    assert problem(await say(api, b"GET /" + b"x" * (2 * wire.HEAD_BYTES)))["status"] == 431
    fits = HEAD + b"X-Fits: " + b"x" * (wire.HEAD_BYTES // 2) + b"\r\nConnection: close\r\n\r\n"
    assert (await say(api, fits)).startswith(b"HTTP/1.1 200")


async def test_a_second_request_has_its_own_limit(api: Running) -> None:
    one = HEAD + b"X-Fits: " + b"x" * (wire.HEAD_BYTES // 2) + b"\r\n\r\n"
    async with asyncio.timeout(60), raw(api) as (reader, writer):
        for _ in range(5):
            writer.write(one)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readuntil(b"}")


async def test_many_requests_at_once_on_one_connection(api: Running) -> None:
    answers = await say(api, (HEAD + b"\r\n") * 50 + HEAD + b"Connection: close\r\n\r\n")
    assert answers.count(b"HTTP/1.1 200 OK") == 51


async def test_a_slow_head_and_a_slow_body_are_cut_off(api: Running) -> None:
    limits = connections.Limits(head_s=0.3, body_s=0.3, write_s=0.3, linger_s=0.2)
    async with serving_at(api.node.desk, limits) as path:
        for said, code in (
            (b"", "REQUEST_TIMEOUT"),
            (b"GET /health HT", "REQUEST_TIMEOUT"),
            (HEAD, "REQUEST_TIMEOUT"),
            (b"\r\n\r\n", "REQUEST_TIMEOUT"),
            (POST + b"Content-Length: 10\r\n\r\n{", "REQUEST_TIMEOUT"),
            (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", "REQUEST_TIMEOUT"),
        ):
            reader, writer = await asyncio.open_unix_connection(path)
            async with asyncio.timeout(60):
                writer.write(said)
                assert problem(await reader.read())["code"] == code, said
            writer.close()


async def test_who_asks_nothing_more_is_let_go_and_who_does_is_not(api: Running) -> None:
    clock = asyncio.get_running_loop().time
    async with serving_at(api.node.desk, connections.Limits(idle_s=1.0)) as path, asyncio.timeout(60):
        reader, writer = await asyncio.open_unix_connection(path)
        for _ in range(20):
            writer.write(HEAD + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
            await asyncio.sleep(0.1)  # in all for twice as long as one may be idle
        waited = clock()
        assert await reader.read() == b""
        assert clock() - waited < 5, "let go as soon as it was idle for long enough"
        writer.close()


async def test_a_head_that_trickles_is_cut_off_too(api: Running) -> None:
    """Slowloris: a header now and then keeps no connection alive."""
    async with serving_at(api.node.desk, connections.Limits(head_s=0.5)) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        answer = asyncio.ensure_future(reader.read())
        writer.write(HEAD)
        async with asyncio.timeout(60):
            while not answer.done():
                writer.write(b"X-Slow: 1\r\n")
                await asyncio.wait({answer}, timeout=0.05)
        assert problem(answer.result())["code"] == "REQUEST_TIMEOUT"
        writer.close()


async def test_a_body_that_keeps_moving_is_taken(api: Running) -> None:
    body = json.dumps({"refs": ["key/bob"] * 20}).encode()
    limit_s = 2.0
    async with serving_at(api.node.desk, connections.Limits(body_s=limit_s)) as path, asyncio.timeout(60):
        began = asyncio.get_running_loop().time()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 10):
            writer.write(body[start : start + 10])
            await asyncio.wait({asyncio.ensure_future(writer.drain())})
            await asyncio.sleep(0.1)  # faster than the limit in each piece
        assert asyncio.get_running_loop().time() - began > limit_s, "slower in all"
        assert (await reader.read()).startswith(b"HTTP/1.1 202")
        writer.close()


async def _ask_forever(link: socket.socket, request: bytes) -> None:
    async with asyncio.timeout(60):
        while True:
            await asyncio.get_running_loop().sock_sendall(link, request * 20)


async def test_a_client_that_does_not_read_is_cut_off(api: Running) -> None:
    async with serving_at(api.node.desk, connections.Limits(write_s=0.3)) as path:
        link = socket.socket(socket.AF_UNIX)
        with link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.setblocking(False)
            await asyncio.get_running_loop().sock_connect(link, path)
            request = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"  # a long answer
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                await _ask_forever(link, request)
    assert (await api.socket.get("/health")).status_code == 200


async def test_a_body_that_stops_halfway_changes_nothing(api: Running) -> None:
    async with raw(api) as (_, writer):
        writer.write(POST + b'Content-Length: 1000\r\n\r\n{"refs": ["key/bob"]}')
        await writer.drain()
    async with raw(api) as (_, writer):
        writer.write(POST + b'Transfer-Encoding: chunked\r\n\r\n15\r\n{"refs": ["key/bob"]}\r\n')
        await writer.drain()
    assert (await api.socket.get("/health")).status_code == 200
    assert await api.node.store.operations(10) == []


async def test_who_is_refused_while_still_sending_gets_to_read_why(api: Running) -> None:
    async with asyncio.timeout(60), raw(api, "public") as (reader, writer):
        writer.write(b"POST /api/v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(20):
            writer.write(b"x" * 100_000)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 403")


async def test_no_more_connections_than_there_is_room_for(api: Running) -> None:
    async with serving_at(api.node.desk, most=5) as path:
        links = [await asyncio.open_unix_connection(path) for _ in range(5)]
        async with asyncio.timeout(60):
            for reader, writer in links:
                writer.write(HEAD + b"\r\n")
                await reader.readuntil(b"\r\n\r\n")
            reader, writer = await asyncio.open_unix_connection(path)
            assert problem(await reader.read())["code"] == "SERVICE_UNAVAILABLE"
            writer.close()
            links[0][1].close()

            async def answered() -> bool:
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(HEAD + b"Connection: close\r\n\r\n")
                answer = await reader.read()
                writer.close()
                return answer.startswith(b"HTTP/1.1 200")

            while not await answered():  # noqa: ASYNC110 - the place becomes free when the node has noticed
                await asyncio.sleep(0.01)
        for _, writer in links:
            writer.close()


async def test_an_upgrade_to_what_is_not_spoken_here_is_answered_as_a_plain_request(api: Running) -> None:
    upgrade = HEAD + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n"
    assert (await say(api, upgrade)).startswith(b"HTTP/1.1 200 ")
    assert (await api.socket.get("/health")).status_code == 200


async def test_clients_that_hang_up_leave_nothing_behind(api: Running) -> None:
    def streams() -> list[str]:
        return [told for task in asyncio.all_tasks() if "Stream" in (told := repr(task.get_coro()))]

    for _ in range(100):
        async with raw(api, "public") as (reader, writer):
            writer.write(
                b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            await until(streams)
    await until(lambda: not streams())


async def heard(*headers: tuple[bytes, bytes], body: bytes = b"{}", ends: bytes = b"") -> bytes:
    """What comes of an answer until nothing more does."""

    async def app(_: object, receive: object, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*headers]})
        await send({"type": "http.response.body", "body": body, "more_body": bool(ends)})
        if ends:
            await send({"type": "http.response.body", "body": ends, "more_body": False})

    async with asyncio.timeout(60), listening(app, Closing()) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(HEAD + b"\r\n")
        writer.write_eof()
        told = await reader.read()
        writer.close()
        return told


async def test_an_answer_comes_whole_however_it_is_said() -> None:
    two = (b"content-length", b"2")
    whole = await heard(two, (b"x-name", b"a\tb \xff"))
    assert whole.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
    assert whole.endswith(b"\r\ncontent-length: 2\r\nx-name: a\tb \xff\r\n\r\n{}")
    assert (await heard(two, (b"connection", b"close"))).endswith(b"\r\nconnection: close\r\n\r\n{}")
    assert (await heard((b"content-length", b"4"), ends=b"[]")).endswith(b"\r\n\r\n{}[]")
    assert (await heard(ends=b"[]")).endswith(
        b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n2\r\n[]\r\n0\r\n\r\n"
    )


@pytest.mark.parametrize("value", [b"a\r\nx: b", b"a\nx: b", b"a\rb", b"a\x00b", b"\r\n\r\nHTTP/1.1 200 OK"])
async def test_no_header_passes_for_a_line_of_its_own(value: bytes) -> None:
    told = await heard((b"content-length", b"2"), (b"x-name", value))
    assert told.startswith(b"HTTP/1.1 500 ") or not told
    assert value not in told


async def test_an_answer_of_another_length_than_it_says_is_cut_off() -> None:
    assert not (await heard((b"content-length", b"3"))).endswith(b"{}\r\n")
    assert b"{}" not in await heard((b"content-length", b"1"))
