"""The streams described for programs, both ways: an AsyncAPI 3 document, made of the shapes of what is told.

Rules: a pure function of the code, as the OpenAPI document is, whose words and examples it shares; made when
somebody asks.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import msgspec

from api.examples import EXAMPLES
from api.following import END, HEARTBEAT
from api.notices import Echo, End, Lost, Nothing, Notice, Place, Told
from api.openapi import BODY, SCHEMES, Json, explain
from api.websocket.messages import SHAPES as ASKED
from api.websocket.messages import Authenticate, Ping, Subscribe, Unsubscribe
from api.websocket.session import AUTHENTICATED, ERROR, PONG, SUBSCRIBED, UNSUBSCRIBED
from reconciler import __version__
from reconciler.store.tail import RESET
from reconciler.views import EventView, ProblemView

ABOUT = """\
What happens on a node, as it happens: the log of events over server-sent events and over WebSocket. Whoever
comes back with the last id that it has seen misses nothing and hears nothing twice; the answer to each GET
says in `Last-Event-ID` at which place in the log it is true. What a stream says of itself is named
`stream.…`."""

SHAPES: tuple[type[Any], ...] = (
    *(EventView, ProblemView, Told, Notice, Place, Lost, End, Echo, Nothing),
    *(Authenticate, Subscribe, Unsubscribe, Ping),
)
SSE: dict[str, type[Any]] = {"event": EventView, HEARTBEAT: Place, RESET: Lost, END: End}
FRAMES: dict[str, type[Any]] = {
    AUTHENTICATED: Nothing,
    SUBSCRIBED: Nothing,
    UNSUBSCRIBED: Nothing,
    HEARTBEAT: Nothing,
    RESET: Lost,
    PONG: Echo,
    ERROR: ProblemView,
    END: End,
}
SAID: dict[str, Json] = {
    "authenticate": {"action": "authenticate", "key": "sk-…"},
    "subscribe": {"action": "subscribe", "subscription": "keys", "kind": "key", "last_event_id": 1042},
    "unsubscribe": {"action": "unsubscribe", "subscription": "keys"},
    "ping": {"action": "ping", "data": "are you there?"},
}
CLOSES = "Codes of a close: 1001 the node stops, 1003 not text, 1009 a message over 64 KiB, 1011 a fault of"
CLOSES += " the node, 4401 nobody who may, or no more, 4403 not allowed, 4429 too many messages."


@lru_cache(maxsize=1)
def encoded() -> bytes:
    return json.dumps(document(), ensure_ascii=False).encode()


def document() -> Json:
    messages = _messages()
    sse = [name for name in messages if name.startswith("sse.")]
    told = [name for name in messages if name.startswith("ws.")]
    asked = list(ASKED)
    schemas = msgspec.json.schema_components(SHAPES, ref_template=BODY)[1]
    explain(schemas, list(SHAPES))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Holdfast", "version": __version__, "description": ABOUT},
        "servers": {
            "sse": {"host": "127.0.0.1:8081", "protocol": "http", "security": _security()},
            "websocket": {"host": "127.0.0.1:8081", "protocol": "ws", "security": _security()},
        },
        "channels": {
            "events": _channel(
                "/api/v1/events", "sse", sse, "Server-sent events; filters stand in the query."
            ),
            "ws": _channel("/api/v1/ws", "websocket", [*told, *asked], f"Text messages of JSON. {CLOSES}")
            | {"bindings": {"ws": {"method": "GET"}}},
        },
        "operations": {
            "follow": _operation("send", "events", sse, "Events as they happen"),
            "tell": _operation("send", "ws", told, "What subscriptions hear"),
            "ask": _operation("receive", "ws", asked, "What a client says"),
        },
        "components": {"messages": messages, "schemas": schemas, "securitySchemes": _schemes()},
    }


def _messages() -> dict[str, Json]:
    found = {f"sse.{name}": _message(name, _ref(shape), shape) for name, shape in SSE.items()}
    found["ws.event"] = _message("event", _ref(Told), Told)
    for name, shape in FRAMES.items():
        about = {"properties": {"event": {"const": name}, "data": _ref(shape)}}
        found[f"ws.{name}"] = _message(name, {"allOf": [_ref(Notice), about]}, shape)
    for name, shape in ASKED.items():
        found[name] = _message(name, _ref(shape), shape) | {"examples": [{"payload": SAID[name]}]}
    found["sse.event"]["examples"] = [{"payload": EXAMPLES["EventView"]}]
    return found


def _message(name: str, payload: Json, shape: type[Any]) -> Json:
    summary = "An event of the log; its own name stands in `event`." if name == "event" else shape.__doc__
    return {"name": name, "summary": summary, "contentType": "application/json", "payload": payload}


def _channel(address: str, server: str, messages: list[str], description: str) -> Json:
    return {
        "address": address,
        "description": description,
        "servers": [{"$ref": f"#/servers/{server}"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(action: str, channel: str, messages: list[str], title: str) -> Json:
    return {
        "action": action,
        "title": title,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _ref(shape: type[Any]) -> Json:
    return {"$ref": BODY.format(name=shape.__name__)}


def _schemes() -> Json:
    """As AsyncAPI names them."""
    key = SCHEMES["key"]
    return {"key": {**key, "type": "httpApiKey"}, "bearer": SCHEMES["bearer"]}


def _security() -> list[Json]:
    return [{"$ref": f"#/components/securitySchemes/{name}"} for name in SCHEMES]
