"""Clients whose connection breaks at a hundred places hear every event once, and in order."""

from __future__ import annotations

import asyncio
import json
import random
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from reconciler.runtime.clock import SystemClock
from tests.api.cutting import Cutting, cutting
from tests.api.nodes import Running, newest, publish, running, until
from tests.api.sse import frames
from tests.cli.shell import HOLDFAST

CUTS, AHEAD = 100, 30
pytestmark = pytest.mark.req("EVT-05", "EVT-11", "EVT-12", "EVT-13")


class Client:
    """What one that comes back with its last id has heard, whatever it speaks."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.heard: list[int] = []

    def hear(self, id: int, name: str, number: int | None) -> None:
        self.last = id
        if name == "test.count" and number is not None:
            self.heard.append(number)


async def sse(client: Client, port: int) -> None:
    headers = {"Last-Event-ID": str(client.last)}
    url = f"http://127.0.0.1:{port}/api/v1/events?type=test.*"
    with suppress(httpx.HTTPError):
        async with (
            httpx.AsyncClient() as http,
            http.stream("GET", url, headers=headers, timeout=60) as answer,
        ):
            async for frame in frames(answer):
                client.hear(frame.id, frame.event, frame.data.get("data", {}).get("number"))


async def websocket(client: Client, port: int) -> None:
    with suppress(OSError, EOFError, ConnectionClosed, InvalidHandshake):
        async with connect(f"ws://127.0.0.1:{port}/api/v1/ws", proxy=None) as link:
            asked = {"action": "subscribe", "type": ["test.*"], "last_event_id": client.last}
            await link.send(json.dumps(asked))
            async for text in link:
                frame = json.loads(text)
                client.hear(frame["id"], frame["event"], frame["data"].get("number"))


async def spoken(api: Running, client: Client, wire: Cutting) -> AsyncIterator[int]:
    """Numbers that are told as fast as they are heard, until the wire has broken often enough."""
    number = 0
    while wire.cuts < CUTS:
        if number < len(client.heard) + AHEAD:
            await publish(api, "test.count", "other", number=number)
            yield number
            number += 1
        else:
            await asyncio.sleep(0.001)


class Jumping(SystemClock):
    """A wall clock that somebody sets forward and back."""

    def __init__(self) -> None:
        self._chance = random.Random(11)

    def now(self) -> datetime:
        return super().now() + timedelta(hours=self._chance.uniform(-1, 1))


@pytest.mark.req("TST-28")
@pytest.mark.parametrize("listen", [sse, websocket])
async def test_a_client_that_is_cut_off_at_random_hears_all_once_and_in_order(listen: object) -> None:
    """On a line that is late, by a little each time, of a node whose clock jumps."""
    async with running(clock=Jumping()) as api:
        await api.ready("key/release")
        await _hears_all(api, listen)


async def _hears_all(api: Running, listen: object) -> None:
    chance = random.Random(7)
    wire: Cutting
    client = Client(await newest(api))

    def late() -> float:
        return chance.uniform(0, 0.004)

    def after() -> int | None:
        return chance.randint(1, 4000) if wire.cuts < CUTS else None

    async def come_back() -> None:
        while True:
            await listen(client, port)  # type: ignore[operator]

    async with asyncio.timeout(200), cutting(*api.address("public"), after, late) as (wire, port):
        listening = asyncio.create_task(come_back())
        told = [number async for number in spoken(api, client, wire)]
        await until(lambda: len(client.heard) >= len(told))
        listening.cancel()
        await asyncio.wait([listening])
    assert wire.cuts >= CUTS
    assert client.heard == told


@pytest.mark.req("CLI-08")
async def test_who_follows_on_the_command_line_goes_on_by_itself(api: Running) -> None:
    wire: Cutting
    before = len(api.node.store.lags())

    def after() -> int | None:
        return 6000 if wire.cuts < 3 else None  # what it asks for before is shorter

    async with asyncio.timeout(120), cutting(*api.address("public"), after) as (wire, port):
        words = ("events", "--follow", "--tail", "0", "--type", "test.*", "-o", "json")
        following = await asyncio.create_subprocess_exec(
            HOLDFAST, *words, "--api-url", f"http://127.0.0.1:{port}", stdout=PIPE, stderr=PIPE
        )
        assert following.stdout is not None
        assert following.stderr is not None
        try:
            await until(lambda: len(api.node.store.lags()) > before)
            for number in range(20):
                await publish(api, "test.count", number=number, filling="x" * 1000)
            heard = [json.loads(await following.stdout.readline())["data"]["number"] for _ in range(20)]
            said = await following.stderr.readline()
        finally:
            following.kill()
            await following.wait()
    assert heard == list(range(20))
    assert wire.cuts == 3
    assert b"going on after event" in said
