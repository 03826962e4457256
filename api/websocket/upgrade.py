"""A WebSocket is asked for as any other answer is: by a GET request, whose answer goes on both ways.

Rules: whatever a request passes (its host, origin, identity, limits, metrics), the handshake passes too,
and what refuses it there is told as a problem document; only an answer of 101 opens the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.errors import Detailed
from reconciler.errors import Invalid

SWITCHING = 101
SCHEMES = {"ws": "http", "wss": "https"}

Message = MutableMapping[str, Any]


class Channel(NamedTuple):
    """The two ends of a WebSocket, as ASGI has them."""

    receive: Callable[[], Awaitable[Message]]
    send: Callable[[Message], Awaitable[None]]


class NotUpgraded(Detailed, Invalid):
    code = "UPGRADE_REQUIRED"
    headers: Mapping[str, str] = {"upgrade": "websocket", "connection": "Upgrade"}

    def __init__(self) -> None:
        super().__init__(
            "this path speaks WebSocket", remedy="ask with a WebSocket client, or read `/api/v1/events`"
        )


def channel_of(scope: Scope) -> Channel:
    channel = cast("Channel | None", scope.get("channel"))
    if channel is None:
        raise NotUpgraded
    return channel


class Upgrading:
    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == ScopeType.HTTP:
            return self._inner(scope, receive, send)
        return self._upgraded(scope, receive, send)

    async def _upgraded(self, scope: Scope, receive: Receive, send: Send) -> None:
        channel = Channel(receive, send)  # type: ignore[arg-type] # of all messages, those of a WebSocket
        await channel.receive()  # that it wants to connect is what the scope says
        request = {
            **scope,
            "type": ScopeType.HTTP,
            "method": "GET",
            "scheme": SCHEMES[scope["scheme"]],
            "channel": channel,
        }
        await self._inner(cast("Scope", request), _nothing, _handshake(channel))


async def _nothing() -> Any:  # noqa: ANN401 - ASGI's message
    """The body of a GET."""
    return {"type": "http.request", "body": b"", "more_body": False}


def _handshake(channel: Channel) -> Send:
    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's message
        if message["type"] == "http.response.start" and message["status"] == SWITCHING:
            await channel.send({"type": "websocket.accept", "headers": message["headers"]})
        else:
            await channel.send({**message, "type": f"websocket.{message['type']}"})

    return send
