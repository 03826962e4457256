"""Whoever lists and then follows from where the list is true knows what there is, at any moment."""

from __future__ import annotations

import asyncio
import random

import pytest

from api.routes.events import frames as told_frames
from reconciler.model import Ref
from reconciler.ports.store import EventFilter
from tests.api.nodes import Running, key, newest, publish, until
from tests.api.sse import frames

END = Ref("Key", "default", "the-end")
FAREWELLS = {"reconcile.removed", "reconcile.withdrawn", "reconcile.released"}


@pytest.mark.req("EVT-05", "CORE-23")
async def test_what_is_read_says_where_it_is_true(api: Running) -> None:
    for path in ("/api/v1/status/all", "/api/v1/resources", "/api/v1/status", "/api/v1/sources"):
        before = await newest(api)
        place = int((await api.public.get(path)).headers["Last-Event-ID"])
        assert before <= place <= await newest(api), path
    tag = (await api.public.get("/api/v1/overrides")).headers["ETag"]
    same = await api.public.get("/api/v1/overrides", headers={"If-None-Match": tag})
    assert (same.status_code, "Last-Event-ID" in same.headers) == (304, True)
    for refused in ("/api/v1/resources?typo=1", "/api/v1/nothing", "/health"):
        assert "Last-Event-ID" not in (await api.public.get(refused)).headers, refused


async def listed(api: Running) -> tuple[dict[str, bool], int]:
    """What is there, and whether it is ready."""
    answer = await api.public.get("/api/v1/status/all", params={"limit": "1000"})
    ready = {one["ref"]: one["ready"] for one in answer.json()["data"]}
    return ready, int(answer.headers["Last-Event-ID"])


async def watch(api: Running, known: dict[str, bool], place: int) -> None:
    headers = {"Last-Event-ID": str(place)}
    async with api.public.stream("GET", "/api/v1/events?kind=key", headers=headers) as answer:
        async for frame in frames(answer):
            ref = (frame.data.get("subject") or {}).get("id", "")
            if frame.event in FAREWELLS:
                known.pop(ref, None)
            elif frame.event.startswith("resource."):
                known[ref] = frame.event == "resource.ready"


@pytest.mark.req("EVT-05", "EVT-11")
async def test_a_list_and_what_follows_it_make_the_present(api: Running) -> None:
    chance = random.Random(3)
    names, some = [f"k{number}" for number in range(12)], ["k0"]
    knowing: list[tuple[asyncio.Task[None], dict[str, bool]]] = []

    async def begin() -> None:
        known, place = await listed(api)
        knowing.append((asyncio.create_task(watch(api, known, place)), known))

    async with asyncio.timeout(120):
        for _ in range(8):
            some = chance.sample(names, chance.randint(6, 12))
            (api.source / "all.yaml").write_text("---\n".join(map(key, ("release", "alice", "bob", *some))))
            for _ in range(3):
                await begin()
                await asyncio.sleep(chance.random() * 0.1)
        await api.judged()
        await api.ready(*(f"key/{name}" for name in some))
        await until(lambda: all(len(_of_keys(known)) == 3 + len(some) for _, known in knowing))
        last, _ = await listed(api)
        await publish(api, "resource.ready", subject=END)
        await until(lambda: all(str(END) in known for _, known in knowing))
    for watching, _ in knowing:
        watching.cancel()
    await asyncio.gather(*(watching for watching, _ in knowing), return_exceptions=True)
    wrong = [
        set(_of_keys(known).items()) ^ set({**_of_keys(last), str(END): True}.items()) for _, known in knowing
    ]
    assert not any(wrong), wrong


def _of_keys(known: dict[str, bool]) -> dict[str, bool]:
    return {ref: ready for ref, ready in known.items() if ref.startswith("key/")}


@pytest.mark.req("EVT-13")
async def test_a_quiet_reader_is_moved_along(api: Running) -> None:
    """A heartbeat says how far the log was looked through: who comes back need not read it again."""
    start = await newest(api)
    await publish(api, *["test.frequent"] * 30)
    reader = api.node.store.follow(start, EventFilter(("test.rare",)))
    pieces = told_frames(reader, heartbeat_s=0.05)
    beat = (await anext(pieces)).decode()
    last = await newest(api)
    assert beat.startswith(f"id: {last}\nevent: stream.heartbeat\n")
    await publish(api, "test.rare")
    assert b"event: test.rare\n" in await anext(pieces)
