"""The log over WebSocket: subscriptions, places to go on from, and what is refused with which word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.websocket.session import MESSAGES, MOST
from reconciler.model import Ref
from tests.api.nodes import PATIENCE_S, Running, living, publish, scratch, settings_in

BOB, ALICE = Ref("Key", "default", "bob"), Ref("Key", "default", "alice")
PATH = "/api/v1/ws"


@asynccontextmanager
async def connected(api: Running, **headers: str) -> AsyncIterator[ClientConnection]:
    host, port = api.address("public")
    told = [(name.replace("_", "-"), value) for name, value in headers.items()]
    async with (
        asyncio.timeout(PATIENCE_S),
        connect(f"ws://{host}:{port}{PATH}", additional_headers=told, proxy=None) as link,
    ):
        yield link


async def say(link: ClientConnection, action: str, **rest: object) -> None:
    await link.send(json.dumps({"action": action, **rest}))


async def hear(link: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await link.recv())
    return found


async def until_end(link: ClientConnection) -> list[dict[str, Any]]:
    """All frames up to the close."""
    found: list[dict[str, Any]] = []
    with suppress(ConnectionClosed):
        while True:
            found.append(await hear(link))
    return found


@pytest.mark.req("EVT-14", "EVT-02", "X-30")
async def test_a_subscription_hears_what_happens(api: Running) -> None:
    async with connected(api) as link:
        await say(link, "subscribe", subscription="mine", type=["test.*"])
        begun = await hear(link)
        assert (begun["event"], begun["subscription"]) == ("stream.subscribed", "mine")
        await publish(api, "test.one", "other", subject=BOB, state="good")
        one = await hear(link)
        assert (one["event"], one["subscription"]) == ("test.one", "mine")
        assert one["id"] > begun["id"]
        assert one["subject"] == {"kind": "Key", "id": "key/bob"}
        assert one["data"] == {"state": "good"}
        assert one.keys() >= {"id", "timestamp", "event", "subject", "data", "trace_id", "request_id"}
        assert begun.keys() <= one.keys()
        await say(link, "ping", data=7)
        pong = await hear(link)
        assert (pong["event"], pong["data"]) == ("stream.pong", {"data": 7})


@pytest.mark.req("EVT-14")
async def test_subscriptions_of_one_connection_go_each_its_own_way(api: Running) -> None:
    async with connected(api) as link:
        start = (await api.node.store.event_ids())[1]
        await publish(api, "test.old", subject=ALICE)
        await say(link, "subscribe", subscription="bob", subject="key/bob", type=["test.*"])
        await say(link, "subscribe", type=["test.*"], last_event_id=start)
        heard = [await hear(link) for _ in range(3)]
        assert {(one["subscription"], one["event"]) for one in heard} == {
            ("bob", "stream.subscribed"),
            ("default", "stream.subscribed"),
            ("default", "test.old"),
        }
        await publish(api, "test.both", subject=BOB)
        assert {(await hear(link))["subscription"] for _ in range(2)} == {"bob", "default"}
        await say(link, "unsubscribe")
        ended = await hear(link)
        assert (ended["event"], ended["subscription"]) == ("stream.unsubscribed", "default")
        assert ended["id"] == (await api.node.store.event_ids())[1]
        await publish(api, "test.more", subject=BOB)
        assert [(await hear(link))["subscription"] for _ in range(1)] == ["bob"]
        await say(link, "subscribe", last_event_id=ended["id"])
        assert [(await hear(link))["event"] for _ in range(2)] == ["stream.subscribed", "test.more"]


WRONG = {
    "no json": ("{", "INVALID_REQUEST", ""),
    "[1]": ("[1]", "INVALID_FIELD", ""),
    "no action": ("{}", "INVALID_FIELD", "/action"),
    "misspelt action": ('{"action": "subscibe"}', "INVALID_FIELD", "/action"),
    "misspelt field": ('{"action": "subscribe", "typ": ["x"]}', "INVALID_FIELD", "/typ"),
    "wrong type": ('{"action": "subscribe", "type": [7]}', "INVALID_FIELD", "/type/0"),
    "no id": ('{"action": "subscribe", "last_event_id": -1}', "INVALID_FIELD", "/last_event_id"),
    "huge id": (
        '{"action": "subscribe", "last_event_id": ' + "9" * 19 + "}",
        "INVALID_FIELD",
        "/last_event_id",
    ),
    "no time": ('{"action": "subscribe", "since": "noon"}', "INVALID_FIELD", "/since"),
    "no name": ('{"action": "subscribe", "subscription": ""}', "INVALID_FIELD", "/subscription"),
    "no text": ('{"action": "subscribe", "subject": 7}', "INVALID_FIELD", "/subject"),
    "no list": ('{"action": "subscribe", "state": "ready"}', "INVALID_FIELD", "/state"),
    "no key": ('{"action": "authenticate"}', "MISSING_FIELD", "/key"),
    "no such kind": ('{"action": "subscribe", "kind": "kex"}', "INVALID_FIELD", "/kind"),
    "nothing to end": ('{"action": "unsubscribe"}', "INVALID_FIELD", "/subscription"),
    "deep": ("[" * 10_000, "INVALID_REQUEST", ""),
}


@pytest.mark.req("EVT-14")
async def test_what_is_wrong_is_told_and_the_connection_goes_on(api: Running) -> None:
    async with connected(api) as link:
        for case, (text, code, pointer) in WRONG.items():
            await link.send(text)
            told = await hear(link)
            assert (told["event"], told["data"]["code"]) == ("stream.error", code), (case, told)
            if pointer:
                assert told["data"]["errors"][0]["pointer"] == pointer, case
        await say(link, "subscribe", typ=["x"], type=[7, "x", None], since=1, last_event_id=True)
        pointers = [one["pointer"] for one in (await hear(link))["data"]["errors"]]
        assert pointers == ["/typ", "/type/0", "/type/2", "/since", "/last_event_id"], "all of it at once"
        await say(link, "subscribe")
        assert (await hear(link))["event"] == "stream.subscribed"
        await say(link, "subscribe")
        assert (await hear(link))["data"]["errors"][0]["pointer"] == "/subscription"


@pytest.mark.req("EVT-17")
async def test_messages_that_are_none_end_the_connection_with_their_code(api: Running) -> None:
    for message, code in ((b"bytes", 1003), ("x" * 70_000, 1009)):
        async with connected(api) as link:
            await link.send(message)
            await until_end(link)
            assert link.close_code == code


@pytest.mark.req("EVT-17", "RTL-12")
async def test_who_says_too_much_is_cut_off_with_a_word(api: Running) -> None:
    async with connected(api) as link:
        with suppress(ConnectionClosed):
            for _ in range(3 * MESSAGES.burst):
                await say(link, "ping")
        heard = await until_end(link)
        assert link.close_code == 4429
        assert len(heard) >= MESSAGES.burst


async def test_a_connection_has_so_many_subscriptions_and_no_more(api: Running) -> None:
    async with connected(api) as link:
        for number in range(MOST + 1):
            await say(link, "subscribe", subscription=str(number), type=["nothing"])
        heard = [await hear(link) for _ in range(MOST + 1)]
        assert [one["event"] for one in heard] == ["stream.subscribed"] * MOST + ["stream.error"]
        assert heard[-1]["data"]["code"] == "RATE_LIMIT_EXCEEDED"


@pytest.mark.req("EVT-14")
async def test_a_page_of_another_origin_opens_none(api: Running) -> None:
    host, port = api.address("public")
    for origin in ("https://elsewhere.example", "null", f"http://{host}:{port + 1}"):
        with pytest.raises(InvalidStatus) as refused:
            async with connected(api, Origin=origin):
                pass
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["code"] == "FORBIDDEN"
    async with connected(api, Origin=f"http://{host}:{port}") as link:
        await say(link, "ping")
        assert (await hear(link))["event"] == "stream.pong"


async def test_a_host_that_is_not_ours_is_refused(api: Running) -> None:
    host, port = api.address("public")
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://rebound.example:{port}{PATH}", host=host, port=port, proxy=None):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.req("ERR-01")
async def test_what_is_no_handshake_gets_a_problem_document(api: Running) -> None:
    plain = await api.public.get(PATH)
    assert (plain.status_code, plain.json()["code"]) == (426, "UPGRADE_REQUIRED")
    assert plain.headers["upgrade"] == "websocket"
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    half = await api.public.get(PATH, headers=upgrade)
    assert (half.status_code, half.headers["content-type"]) == (400, "application/problem+json")
    whole = {**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    elsewhere = await api.public.get("/api/v1/wss", headers=whole)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "NOT_FOUND")
    no_stream = await api.public.get("/api/v1/status", headers=whole)
    assert no_stream.status_code == 200
    typo = await api.public.get(PATH, params={"typ": "x"}, headers=whole)
    assert (typo.status_code, typo.json()["code"]) == (400, "INVALID_FIELD")


@pytest.mark.req("EVT-17", "DMN-09")
async def test_a_stop_is_told_to_every_client_with_its_code() -> None:
    with scratch() as folder:
        async with living(settings_in(Path(folder))) as node:
            path = str(node.settings.socket)
            async with asyncio.timeout(PATIENCE_S), unix_connect(path, f"ws://holdfast{PATH}") as link:
                await say(link, "subscribe")
                assert (await hear(link))["event"] == "stream.subscribed"
                transport = httpx.AsyncHTTPTransport(uds=path)
                async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=30) as client:
                    assert (await client.post("/shutdown")).status_code == 202
                heard = await until_end(link)
            assert heard[-1]["event"] == "stream.end"
            assert link.close_code == 1001
