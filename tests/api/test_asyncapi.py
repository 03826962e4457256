"""The streams are what their document says: every frame that a node really sends is held against it."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from websockets.asyncio.client import unix_connect

from api.asyncapi import document
from tests.api.nodes import PATIENCE_S, living, publish, running, scratch, settings_in
from tests.api.sse import frames

DOCUMENT = document()
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]


def strict() -> dict[str, Any]:
    """With nothing in them but what they name, save where another is added to them."""
    found: dict[str, Any] = copy.deepcopy(DOCUMENT["components"]["schemas"])
    for schema in found.values():
        schema["additionalProperties"] = False
    return {"schemas": found}


def conforms(name: str, payload: object) -> None:
    schema = {**MESSAGES[name]["payload"], "components": strict()}
    faults = [f"{one.json_path}: {one.message}" for one in Draft202012Validator(schema).iter_errors(payload)]
    assert not faults, (name, payload, faults)


@pytest.mark.req("EVT-14", "DOC-04")
def test_it_is_whole() -> None:
    text = json.dumps(DOCUMENT)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found: Any = DOCUMENT
        for step in reference.split("/"):
            found = found[step]
    told = {name for channel in DOCUMENT["channels"].values() for name in channel["messages"]}
    assert told == MESSAGES.keys()
    for name, message in MESSAGES.items():
        Draft202012Validator.check_schema(message["payload"])
        assert message["summary"], name
        for example in message.get("examples", ()):
            conforms(name, example["payload"])
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert all(one["$ref"].startswith(f"{channel}/messages/") for one in operation["messages"])


def message_of(prefix: str, event: str) -> str:
    return f"{prefix}.{event}" if event.startswith("stream.") else f"{prefix}.event"


@pytest.mark.req("EVT-02", "EVT-14")
async def test_frames_over_websocket_are_as_they_are_described() -> None:
    """All kinds of them, but for those that other tests wait for: heartbeats, and the answer to a key."""
    seen: set[str] = set()
    with scratch() as folder:
        async with (
            asyncio.timeout(PATIENCE_S),
            living(settings_in(Path(folder))) as node,
            unix_connect(str(node.settings.socket), "ws://holdfast/api/v1/ws") as link,
        ):
            for name in ("ping", "subscribe", "unsubscribe", "unsubscribe"):
                await link.send(json.dumps(MESSAGES[name]["examples"][0]["payload"]))
            await link.send('{"action": "subscribe", "last_event_id": 1000000}')
            while len(seen) < 6:
                seen.add(held(await link.recv()))
            node.stopping.set()
            async for text in link:
                seen.add(held(text))
    described = {name for name in MESSAGES if name.startswith("ws.")}
    assert seen == described - {"ws.stream.heartbeat", "ws.stream.authenticated"}


def held(text: str | bytes) -> str:
    frame = json.loads(text)
    name = message_of("ws", frame["event"])
    conforms(name, frame)
    return name


@pytest.mark.req("EVT-02", "EVT-10", "EVT-13")
async def test_server_sent_events_are_as_they_are_described() -> None:
    seen: set[str] = set()
    async with running(retention__event_rows=10) as api:
        await api.ready("key/release", "source/root")
        await api.judged()
        await publish(api, *["test.x"] * 30)
        await api.node.store.prune(datetime.now(UTC), api.node.settings.retention)
        url = "/api/v1/events"
        async with api.socket.stream("GET", url, headers={"Last-Event-ID": "3"}) as answer:
            async for frame in frames(answer):
                name = message_of("sse", frame.event)
                conforms(name, frame.data)
                seen.add(name)
                if len(seen) == 2:
                    api.node.stopping.set()
    assert seen == {"sse.event", "sse.stream.reset", "sse.stream.end"}
