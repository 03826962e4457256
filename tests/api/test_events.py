"""The log as a stream: nothing lost, nothing doubled, for any number of readers, until the node stops."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from api import stream
from reconciler.model import Ref
from reconciler.ports.store import EventFilter
from tests.api.nodes import Running, living, newest, publish, running, scratch, serving_at, settings_in, until
from tests.api.sse import Frame, frames

BOB, ALICE = Ref("Key", "default", "bob"), Ref("Key", "default", "alice")


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, *, last: object = None, **query: object
) -> AsyncIterator[AsyncIterator[Frame]]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    asked = client.stream("GET", "/api/v1/events", headers=headers, params=query)  # type: ignore[arg-type]
    async with asyncio.timeout(60), asked as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield frames(answer)


async def take(source: AsyncIterator[Frame], count: int) -> list[Frame]:
    return [await anext(source) for _ in range(count)]


async def history(api: Running, **query: object) -> list[dict[str, object]]:
    answer = await api.public.get("/api/v1/events/history", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["data"]
    return found


@pytest.mark.req("EVT-02", "EVT-05", "EVT-10", "EVT-01")
async def test_events_come_as_they_happen(api: Running) -> None:
    async with listening(api.public, type="test.*") as heard:
        await publish(api, "test.one", "other", subject=BOB, state="good")
        await publish(api, "test.two")
        one, two = await take(heard, 2)
    assert (one.event, two.event) == ("test.one", "test.two")
    assert one.data["id"] == one.id < two.id
    assert one.data["subject"] == {"kind": "Key", "id": "key/bob"}
    assert one.data["data"] == {"state": "good"}
    assert one.data.keys() >= {"id", "timestamp", "event", "subject", "data", "trace_id", "request_id"}


WANTED = {
    "type=test.a": 3, "type=test.a,test.b": 4, "type=test.a&type=test.b": 4, "subject=KEY/bob": 2,
    "kind=keys&type=test.*": 3, "state=off": 1, "kind=key&state=on&type=test.a": 2,
    "subject=key/default/alice": 1,
}  # fmt: skip


@pytest.mark.req("EVT-10", "EVT-01")
@pytest.mark.parametrize("query", WANTED)
async def test_filters_apply_to_what_is_replayed_and_to_what_comes(api: Running, query: str) -> None:
    async def speak() -> None:
        await publish(api, "test.a", subject=BOB, state="on")
        await publish(api, "test.b", subject=BOB, state="off")
        await publish(api, "test.a", subject=ALICE, state="on")
        await publish(api, "test.a", subject=Ref("Source", "default", "root"), state="on")

    start = await newest(api)
    await speak()
    url = f"/api/v1/events?{query}&last_event_id={start}"
    async with asyncio.timeout(60), api.public.stream("GET", url) as answer:
        heard = frames(answer)
        replayed = await take(heard, WANTED[query])
        await speak()
        await publish(api, "test.end", subject=BOB, state="off")
        live = await take(heard, WANTED[query])
    assert [(one.event, one.data["subject"]) for one in replayed] == [
        (one.event, one.data["subject"]) for one in live
    ]


@pytest.mark.req("EVT-05", "EVT-11", "EVT-12")
async def test_a_reader_that_comes_back_misses_nothing_and_hears_nothing_twice(api: Running) -> None:
    heard: list[object] = []
    total = 300

    async def speak() -> None:
        for number in range(total):
            await publish(api, "test.count", number=number)

    last = await newest(api)
    speaking = asyncio.create_task(speak())
    while len(heard) < total:
        async with listening(api.public, last=last, type="test.count") as more:
            for frame in await take(more, min(23, total - len(heard))):
                heard.append(frame.data["data"]["number"])
                last = frame.id
    await speaking
    assert heard == list(range(total))


@pytest.mark.req("EVT-03", "EVT-05")
async def test_ids_of_stream_history_and_cursors_agree(api: Running) -> None:
    await publish(api, *["test.x"] * 7)
    told: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"type": "test.x", "limit": 3, "cursor": cursor}
        piece = (await api.public.get("/api/v1/events/history", params=query)).json()  # type: ignore[arg-type]
        told += [event["id"] for event in piece["data"]]
        cursor = piece["next"]
    assert len(told) == 7
    for after in (0, 3, 6):
        async with listening(api.public, type="test.x", last=told[after] - 1) as heard:
            streamed = await take(heard, 7 - after)
        assert [frame.id for frame in streamed] == told[after:]
        assert [frame.data for frame in streamed] == await history(api, type="test.x", cursor=told[after] - 1)


@pytest.mark.req("EVT-03")
async def test_history_is_asked_by_type_subject_and_time(api: Running) -> None:
    async def told(**query: object) -> list[object]:
        return [event["event"] for event in await history(api, **query)]

    await publish(api, "test.old")
    middle = datetime.now(UTC)
    await publish(api, "test.new", subject=BOB)
    assert await told(type="test.*") == ["test.old", "test.new"]
    assert await told(type="test.*", since=middle.isoformat()) == ["test.new"]
    assert await told(type="test.*", since=middle.replace(tzinfo=None).isoformat()) == ["test.new"]
    assert await told(type="test.*", since=(middle + timedelta(hours=1)).isoformat()) == []
    assert await told(type="test.*", subject="key/bob") == ["test.new"]
    assert await told(type="test.*", limit=1) == ["test.old"]


async def test_since_replays_from_then_on(api: Running) -> None:
    before = datetime.now(UTC)
    await publish(api, "test.one")
    async with listening(api.public, type="test.*", since=before.isoformat()) as heard:
        await publish(api, "test.two")
        assert [frame.event for frame in await take(heard, 2)] == ["test.one", "test.two"]


@pytest.mark.req("EVT-05", "EVT-11")
@pytest.mark.parametrize("asked", [5, 10**15])
async def test_who_was_away_for_too_long_is_told(asked: int) -> None:
    """Older than what is kept, or from another life of the node: the reader has to begin anew."""
    async with running(retention__event_rows=10) as api:
        await api.ready("key/release", "source/root")
        await api.judged()
        await publish(api, *["test.x"] * 50)
        await api.node.store.prune(datetime.now(UTC), api.node.settings.retention)
        oldest, last = await api.node.store.event_ids()
        assert oldest > 6
        async with listening(api.public, last=asked) as heard:
            reset, *rest = await take(heard, 1 + last - oldest + 1)
        assert reset.event == "stream.reset"
        assert reset.data == {"last_event_id": asked, "oldest": oldest, "newest": last}
        assert reset.id == oldest - 1
        assert [frame.id for frame in rest] == list(range(oldest, last + 1))
        async with listening(api.public, last=reset.id) as again:
            assert (await anext(again)).id == oldest, "the id of the notice is a place to go on from"
        async with listening(api.public, last=0) as first:
            assert (await anext(first)).event != "stream.reset", "who has seen nothing has missed nothing"


@pytest.mark.req("EVT-05", "EVT-11")
async def test_who_falls_behind_while_reading_is_told() -> None:
    async with running(retention__event_rows=10) as api, listening(api.public, type="test.*") as heard:
        await api.ready("key/release")
        await publish(api, "test.first")
        seen = (await anext(heard)).id
        for _ in range(40):  # more than memory holds of the log, and sockets of what nobody reads
            await publish(api, *["test.much"] * 50, text="x" * 30_000)
        await publish(api, "test.last")
        await api.node.store.prune(datetime.now(UTC), api.node.settings.retention)
        oldest, _ = await api.node.store.event_ids()
        kept = [event["id"] for event in await history(api, type="test.*")]
        got = [frame async for frame in _up_to(heard, "test.last")]
        at, reset = next((at, one) for at, one in enumerate(got) if one.event == "stream.reset")
        assert (reset.id, reset.data["oldest"]) == (oldest - 1, oldest)
        assert reset.data["last_event_id"] == got[at - 1].id
        assert [one.id for one in got[:at]] == list(range(seen + 1, seen + 1 + at)), (
            "up to there nothing is lost"
        )
        assert [one.id for one in got[at + 1 :]] == kept, "nor from there on"


async def _up_to(heard: AsyncIterator[Frame], last: str) -> AsyncIterator[Frame]:
    async for frame in heard:
        yield frame
        if frame.event == last:
            return


@pytest.mark.req("EVT-11")
async def test_ids_that_are_none_are_refused(api: Running) -> None:
    for wrong in ("x", "-1", "1.5", "1e3", "٣", "9" * 30):
        for query in ({"headers": {b"Last-Event-ID": wrong.encode()}}, {"params": {"last_event_id": wrong}}):
            answer = await api.public.get("/api/v1/events", **query)
            assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD"), wrong
        answer = await api.public.get("/api/v1/events/history", params={"cursor": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD"), wrong


@pytest.mark.req("EVT-13")
async def test_the_stream_says_when_to_come_back_that_it_is_alive_and_that_it_ends(api: Running) -> None:
    async with asyncio.timeout(60), api.public.stream("GET", "/api/v1/events") as answer:
        assert (await anext(answer.aiter_lines())).startswith("retry: ")
    said: list[bytes] = []
    third = asyncio.Event()

    async def send(message: object) -> None:
        said.append(message.get("body", b""))  # type: ignore[attr-defined]
        if said.count(stream.SSE.heartbeat) == 3:
            third.set()

    async def never() -> object:
        return await asyncio.Event().wait()

    async def silence() -> AsyncIterator[bytes]:
        await never()
        yield b""

    closing = stream.Closing()
    short = stream.Stream(replace(stream.SSE, heartbeat_s=0.01), silence(), closing)
    work = asyncio.create_task(short({}, never, send))  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        await third.wait()
        closing.tell()
        await work
    assert said[-1] == b'event: stream.end\ndata: {"reason":"the node stops"}\n\n'


@pytest.mark.req("DMN-09")
async def test_streams_end_with_a_notice_when_the_node_stops() -> None:
    with scratch() as folder:
        async with living(settings_in(Path(folder))) as node:
            transport = httpx.AsyncHTTPTransport(uds=str(node.settings.socket))
            async with (
                httpx.AsyncClient(transport=transport, base_url="http://x", timeout=30) as client,
                listening(client) as heard,
            ):
                asked = await client.post("/shutdown")
                assert (asked.status_code, asked.json()["status"]) == (202, "stopping")
                seen = [frame async for frame in heard]
            told = [frame.event for frame in seen]
            assert told[-1] == "stream.end"
            assert "node.stopping" in told


def resident() -> int:
    found: int = psutil.Process().memory_info().rss
    return found


async def of_type(api: Running, name: str, after: int) -> list[int]:
    """The ids in the log: the node's own events stand between them."""
    return [event.id for event in await api.node.store.events(after, 100_000, EventFilter((name,)))]


@pytest.mark.req("EVT-01", "EVT-04")
async def test_a_reader_that_does_not_read_costs_no_memory_and_loses_nothing(api: Running) -> None:
    """Twenty of them, before ten megabytes of events: a queue for each would be two hundred."""
    count, readers = 2000, 20
    start = await newest(api)
    async with AsyncExitStack() as stack:
        links = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(readers)]
        for link in links:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.setblocking(False)
            await asyncio.get_running_loop().sock_connect(link, api.path)
            target = f"/api/v1/events?type=test.x&last_event_id={start}"
            link.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        before = resident()
        for _ in range(count // 50):
            await publish(api, *["test.x"] * 50, filling="x" * 5000)
        assert resident() - before < 60 << 20
        wanted = await of_type(api, "test.x", start)
        for link in links[:3]:
            reader, writer = await asyncio.open_unix_connection(sock=link, limit=1 << 20)
            stack.callback(writer.close)
            told: list[int] = []
            async with asyncio.timeout(60):
                while len(told) < count:
                    line = await reader.readline()
                    if line.startswith(b"id: "):
                        told.append(int(line[4:]))
            assert told == wanted


@pytest.mark.req("DMN-09", "CORE-16")
async def test_a_reader_that_does_not_read_is_cut_off_at_the_end_without_a_word(
    api: Running, caplog: pytest.LogCaptureFixture
) -> None:
    start = await newest(api)
    await publish(api, *["test.x"] * 300, filling="x" * 5000)
    with socket.socket(socket.AF_UNIX) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.setblocking(False)
        async with serving_at(api.node.desk, grace_s=0.1) as path:
            await asyncio.get_running_loop().sock_connect(link, path)
            link.sendall(f"GET /api/v1/events?last_event_id={start} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await until(lambda: [task for task in asyncio.all_tasks() if "_tell" in repr(task.get_coro())])
        await until(lambda: not [task for task in asyncio.all_tasks() if "_tell" in repr(task.get_coro())])
    assert not [one for one in caplog.records if one.name.startswith(("uvicorn", "api"))]


async def test_a_reader_that_goes_away_frees_what_it_held(api: Running) -> None:
    async with listening(api.public) as heard:
        await publish(api, "test.x")
        await anext(heard)
    process = psutil.Process()
    tasks, files = len(asyncio.all_tasks()), process.num_fds()
    for _ in range(50):
        async with listening(api.public, type="test.*") as heard:
            await publish(api, "test.x")
            await anext(heard)
    await until(lambda: len(asyncio.all_tasks()) <= tasks and process.num_fds() <= files)


MANY = """
import asyncio, sys

async def one(path, target, count, ready, spoken):
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET " + target.encode() + b" HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    await reader.readuntil(b"retry: 2000\\n\\n")
    ready()
    told = []
    while len(told) < count:
        line = await reader.readline()
        if line.startswith(b"id: "):
            told.append(int(line[4:]))
    spoken(told)
    assert b"stream.end" in await reader.read()
    writer.close()

async def main(path, target, readers, count):
    waiting = readers
    heard = []
    def ready():
        nonlocal waiting
        waiting -= 1
        if not waiting:
            print("ready", flush=True)
    def spoken(told):
        heard.append(tuple(told))
        if len(heard) == readers:
            print(len(set(heard)), *heard[0], flush=True)
    async with asyncio.TaskGroup() as group:
        for _ in range(readers):
            group.create_task(one(path, target, count, ready, spoken))
    print("ended", flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


@pytest.mark.req("EVT-02", "DMN-09", "EVT-04")
async def test_a_thousand_readers_hear_everything_once_and_let_the_node_stop(api: Running) -> None:
    """Measured: 24 MiB for all of them, and 27 microseconds of the processor for each event of each."""
    readers, count = 1000, 100
    before = resident()
    async with asyncio.timeout(240):
        async with serving_at(api.node.desk, most=1100) as path:
            crowd = await asyncio.create_subprocess_exec(
                sys.executable, "-c", MANY, path, "/api/v1/events?type=test.x", str(readers), str(count),
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert crowd.stdout is not None
            assert await crowd.stdout.readline() == b"ready\n"
            start = await newest(api)
            for _ in range(count):
                await publish(api, "test.x", number=1)
            different, *told = map(int, (await crowd.stdout.readline()).split())
            grown = resident() - before
        assert different == 1
        assert told == await of_type(api, "test.x", start)
        assert await crowd.stdout.readline() == b"ended\n"
        assert await crowd.wait() == 0
    assert grown < 64 << 20
