"""Who may hear of some resources alone hears of nothing else: live, in replay, or in the history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect

from reconciler.access import Permission, Permissions
from reconciler.model import Ref
from reconciler.ports.store import EventFilter
from reconciler.runtime.keyring import Holder
from tests.api.nodes import PATIENCE_S, Running, api_key, key, newest, publish, running, secret
from tests.api.sse import Frame, frames

pytestmark = pytest.mark.req("AUTH-26", "EVT-10")

BOB, ALICE, GONE = (Ref("Key", "default", name) for name in ("bob", "alice", "gone"))
PERMISSIONS = {
    "n": ("named", '{scope: "events:read", names: ["bob*", "end"]}'),
    "l": ("labelled", "{scope: read, labels: {tier: web}}"),
    "t": ("team", "{scope: read, namespaces: [team]}"),
    "v": ("viewer", "read"),
}
END = Ref("Key", "default", "end")


def manifests(*names: str) -> str:
    keys = [api_key(name, secret(letter), given) for letter, (name, given) in PERMISSIONS.items()]
    return "---\n".join((*keys, key("alice", "db"), key("end"), *map(key, names)))


@pytest.fixture
async def node() -> AsyncIterator[Running]:
    async with running(manifests("bob", "gone")) as found:
        await found.ready("key/bob", "key/alice", "key/gone", "key/end", "apikey/viewer")
        await found.judged()
        yield found


async def heard(node: Running, letter: str, after: int, last: str) -> list[Frame]:
    """What a stream tells up to this event."""
    found: list[Frame] = []
    headers = {"X-API-Key": secret(letter), "Last-Event-ID": str(after)}
    async with (
        asyncio.timeout(PATIENCE_S),
        node.public.stream("GET", "/api/v1/events", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        async for frame in frames(answer):
            found.append(frame)
            if frame.event == last:
                break
    return found


def subjects(found: list[Frame]) -> set[str]:
    return {(frame.data["subject"] or {"id": ""})["id"] for frame in found}


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        ("n", {"key/bob", "key/end"}),
        ("l", {"key/bob", "key/end"}),
        ("v", {"key/bob", "key/alice", "key/end", ""}),
    ],
)
@pytest.mark.parametrize("live", [True, False])
async def test_a_stream_tells_what_one_may_hear(
    node: Running, letter: str, expected: set[str], live: bool
) -> None:
    after = await newest(node)
    telling = asyncio.create_task(heard(node, letter, after, "test.end")) if live else None
    for subject in (ALICE, BOB, None):
        await publish(node, "test.one", subject=subject)
    await publish(node, "test.end", subject=END)
    found = await (telling or heard(node, letter, after, "test.end"))
    assert subjects(found) == expected
    ids = [frame.id for frame in found]
    assert ids == sorted(set(ids))


async def test_what_is_gone_says_goodbye_to_whom_it_was_shown(node: Running) -> None:
    after = await newest(node)
    telling = asyncio.create_task(heard(node, "l", after, "reconcile.removed"))
    named = asyncio.create_task(heard(node, "n", after, "test.end"))
    (node.source / "all.yaml").write_text(manifests("bob"))
    farewell = (await telling)[-1]
    assert farewell.data["subject"]["id"] == "key/gone"
    assert farewell.data["data"]["labels"] == {"app": "shop", "tier": "web"}
    await publish(node, "test.end", subject=END)
    assert subjects(await named) == {"key/end"}


async def test_history_goes_on_over_what_is_not_for_one(node: Running) -> None:
    after = await newest(node)
    for _ in range(3):
        await publish(node, *["test.filler"] * 4, subject=ALICE)
        await publish(node, "test.mine", subject=BOB)
    cursor: str | None = str(after)
    names: list[str] = []
    pages = 0
    while cursor is not None:
        query = {"cursor": cursor, "limit": "2", "type": "test.*"}
        headers = {"X-API-Key": secret("n")}
        page = (await node.public.get("/api/v1/events/history", params=query, headers=headers)).json()
        names += [one["event"] for one in page["data"]]
        cursor, pages = page["next"], pages + 1
    assert names == ["test.mine"] * 3
    assert pages == 8


async def test_a_websocket_tells_no_more_than_a_stream(node: Running) -> None:
    host, port = node.address("public")
    told = [("X-API-Key", secret("n"))]
    url = f"ws://{host}:{port}/api/v1/ws"
    async with asyncio.timeout(PATIENCE_S), connect(url, additional_headers=told, proxy=None) as link:
        await link.send(json.dumps({"action": "subscribe", "type": ["test.*"]}))
        assert json.loads(await link.recv())["event"] == "stream.subscribed"
        await publish(node, "test.theirs", subject=ALICE)
        await publish(node, "test.node")
        await publish(node, "test.mine", subject=BOB)
        assert json.loads(await link.recv())["event"] == "test.mine"


async def test_who_may_hear_of_nothing_that_there_is_hears_nothing(node: Running) -> None:
    headers = {"X-API-Key": secret("t")}
    await publish(node, "test.one", subject=BOB)
    page = (await node.public.get("/api/v1/events/history", headers=headers)).json()
    assert (page["data"], page["next"] is not None) == ([], True)


async def test_a_bookmark_moves_over_what_is_not_for_one(node: Running) -> None:
    holder = node.node.desk.holder(secret("n"))
    assert isinstance(holder, Holder)
    after = await newest(node)
    await publish(node, *["test.filler"] * 30, subject=ALICE)
    reader = node.node.desk.seen_by(holder.permissions).follow(after, EventFilter())
    assert await reader.more(0.05) == ()
    assert reader.position >= after + 30
    await publish(node, "test.mine", subject=BOB)
    async for event in reader:
        assert event.name == "test.mine"
        break


async def test_a_part_is_heard_with_its_whole_though_both_are_gone(node: Running) -> None:
    rights = node.node.desk.seen_by(Permissions((Permission("events:read", names=("bob",)),)))
    gone = Ref("Key", "default", "part")
    for parent, expected in (("key/bob", 1), ("key/alice", 0), ("nothing/bob", 0)):
        await publish(node, "reconcile.removed", subject=gone, parent=parent)
        told, _ = await rights.events(await newest(node) - 1, 1, EventFilter())
        assert len(told) == expected, parent
