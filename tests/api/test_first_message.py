"""Who cannot send a header over WebSocket, as in a browser, says by the first message who they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.stream import Closing
from api.websocket.session import Session
from api.websocket.upgrade import Channel, Message
from reconciler.access import NOTHING
from reconciler.model import Ref
from tests.api.nodes import PATIENCE_S, Running, api_key, key, publish, running, secret
from tests.api.test_asyncapi import held

pytestmark = pytest.mark.req("EVT-14", "EVT-17")

BOB, ALICE = Ref("Key", "default", "bob"), Ref("Key", "default", "alice")
KEYS = {
    "v": ("viewer", "read"),
    "n": ("named", "{scope: read, names: [bob]}"),
    "w": ("wrong", '"torrents:read"'),
}


def manifests(letters: str) -> str:
    keys = [api_key(KEYS[letter][0], secret(letter), KEYS[letter][1]) for letter in letters]
    return "---\n".join((key("bob"), *keys))


@asynccontextmanager
async def node_with(*, failures: int = 0) -> AsyncIterator[Running]:
    """`failures` that one address may have in a minute; 0: as many as it likes."""
    flags: dict[str, Any] = {"limits__enabled": bool(failures), "limits__failures_per_minute": failures or 1}
    async with running(manifests("vnw"), api__require_auth=True, **flags) as api:
        await api.ready("key/bob", "apikey/viewer", "apikey/named", "apikey/wrong")
        yield api


@asynccontextmanager
async def connected(api: Running, **headers: str) -> AsyncIterator[ClientConnection]:
    host, port = api.address("public")
    told = [(name.replace("_", "-"), value) for name, value in headers.items()]
    url = f"ws://{host}:{port}/api/v1/ws"
    async with asyncio.timeout(PATIENCE_S), connect(url, additional_headers=told, proxy=None) as link:
        yield link


async def say(link: ClientConnection, **message: object) -> dict[str, Any]:
    """And hear what comes of it."""
    await link.send(json.dumps(message))
    found: dict[str, Any] = json.loads(await link.recv())
    return found


async def end(link: ClientConnection) -> tuple[int, str]:
    try:
        while True:
            await link.recv()
    except ConnectionClosed:
        return link.close_code or 0, link.close_reason or ""


async def test_the_first_message_says_who_is_asking() -> None:
    async with node_with() as api, connected(api) as link:
        await link.send(json.dumps({"action": "authenticate", "key": secret("n")}))
        assert held(await link.recv()) == "ws.stream.authenticated"
        assert (await say(link, action="subscribe", type=["test.*"]))["event"] == "stream.subscribed"
        await publish(api, "test.theirs", subject=ALICE)
        await publish(api, "test.mine", subject=BOB)
        assert json.loads(await link.recv())["event"] == "test.mine"
        again = await say(link, action="authenticate", key=secret("v"))
        assert (again["event"], again["data"]["code"]) == ("stream.error", "INVALID_FIELD")
        (api.source / "all.yaml").write_text(manifests("vw"))
        assert await end(link) == (4401, "the API key counts no more")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"action": "authenticate", "key": secret("u")}, 4401),
        ({"action": "authenticate", "key": ""}, 4401),
        ({"action": "authenticate", "key": 7}, 4401),
        ({"action": "authenticate", "key": secret("w")}, 4403),
        ({"action": "subscribe"}, 4401),
        ({"action": "nonsense"}, 4401),
    ],
)
async def test_who_is_nobody_is_told_nothing(message: dict[str, object], code: int) -> None:
    async with node_with() as api, connected(api) as link:
        told = await say(link, **message)
        assert told["event"] == "stream.error"
        assert secret("u") not in json.dumps(told)
        assert (await end(link))[0] == code


async def test_a_key_that_does_not_count_costs_what_one_in_a_header_does() -> None:
    async with node_with(failures=2) as api:
        codes = []
        for _ in range(3):
            async with connected(api) as link:
                await say(link, action="authenticate", key=secret("u"))
                codes.append((await end(link))[0])
    assert codes == [4401, 4401, 4429]


async def test_who_may_look_without_a_key_may_say_one_all_the_same(api: Running) -> None:
    async with connected(api) as link:
        assert (await say(link, action="authenticate", key=secret("u")))["event"] == "stream.error"
        assert (await end(link))[0] == 4401, "one that does not count stands for nothing"


async def test_nobody_is_waited_for_without_end(api: Running) -> None:
    sent: list[Message] = []

    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    desk = api.node.desk.seen_by(NOTHING)
    session = Session(desk, Closing(), Channel(silent, send), "req-1", lambda _: (desk, Closing()), 0.05)
    async with asyncio.timeout(PATIENCE_S):
        await session.run()
    assert sent == [{"type": "websocket.close", "code": 4401, "reason": "nobody has said who is asking"}]
