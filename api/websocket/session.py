"""One client of the log over WebSocket, from its first message to the last word to it.

Rules: a subscription has a place in the log and no queue, so a slow client costs nothing: it gets the rest
when it takes it, or is told by `stream.reset` what it has missed. Frames have the form of an event; a
subscription's frames come in order, each once, and the id of the last is where to go on from. Nobody is told
anything before it is known who they are: that is said in the handshake, or by the first message, and soon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from litestar.serialization import encode_json

from api.buckets import Bucket, Policy, take
from api.errors import Fault, Wrong, document, trouble
from api.following import END, HEARTBEAT, HEARTBEAT_S, Made, begin, filter_of, told
from api.stream import STOPS, Closing
from api.websocket.messages import DEFAULT, read
from api.websocket.upgrade import Channel, Message
from api.websocket.wire import FRAME, LAST, framed
from reconciler.errors import Limited, Problem, Refused, Unauthorized
from reconciler.model import Event
from reconciler.ports.store import Following
from reconciler.runtime.desk import Desk
from reconciler.runtime.present import stamp
from reconciler.store.tail import RESET

MOST = 32  # subscriptions
MESSAGES = Policy("messages", quota=600, window_s=60, burst=100)

FIRST_S = 10.0  # until who has not said so in the handshake must have said who they are
LONGEST_REASON = 120  # bytes that a close has room for

AUTHENTICATED = "stream.authenticated"
SUBSCRIBED, UNSUBSCRIBED = "stream.subscribed", "stream.unsubscribed"
PONG, ERROR = "stream.pong", "stream.error"

GOING_AWAY, UNSUPPORTED, CRASHED, NO_KEY, MAY_NOT, TOO_MANY = 1001, 1003, 1011, 4401, 4403, 4429

Enter = Callable[[str], tuple[Desk, Closing]]
"""What is to be seen by who has this key, and how long."""


class Over(Exception):
    """The session ends; without a code the client has ended it."""

    def __init__(self, code: int = 0, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Session:
    def __init__(  # noqa: PLR0913, PLR0917 - all that an answer has
        self,
        desk: Desk,
        closing: Closing,
        channel: Channel,
        request_id: str,
        enter: Enter,
        first_s: float = FIRST_S,
    ) -> None:
        self._desk = desk
        self._closing = closing
        self._channel = channel
        self._request_id = request_id
        self._enter = enter
        self._first_s = first_s
        self._known = desk.hears_some
        self._begun = False  # something was said
        self._ending: asyncio.Task[None] | None = None
        self._paid: Mapping[str, Bucket] = {}
        self._tellers: dict[str, asyncio.Task[None]] = {}
        self._places: dict[str, int] = {}  # up to where each has been told

    async def run(self) -> None:
        over = Over()
        try:
            async with asyncio.TaskGroup() as group:
                self._ending = group.create_task(self._end())
                await self._listen(group)
        except* Over as ended:
            over = next(one for one in ended.exceptions if isinstance(one, Over))
        except* OSError:
            pass  # the client has gone while something was told
        if over.code:
            await self._channel.send({"type": "websocket.close", "code": over.code, "reason": over.reason})

    async def _end(self) -> None:
        await self._closing.wait()
        reason = self._closing.reason
        await self._channel.send({"type": LAST, "text": _notice(END, {"reason": reason})})
        raise Over(GOING_AWAY if reason == STOPS else NO_KEY, reason)

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        while True:
            message = await self._said()
            if message["type"] == "websocket.disconnect":
                raise Over
            text = message.get("text")
            if text is None:
                raise Over(UNSUPPORTED, "messages are text")
            self._pay()
            try:
                await self._do(read(text), group)
            except Problem as problem:
                await self._notice(ERROR, document(trouble(problem), "", self._request_id))
                if not self._known:
                    raise Over(_code(problem), _reason(problem)) from problem
            self._begun = True

    async def _said(self) -> Message:
        try:
            async with asyncio.timeout(None if self._known else self._first_s):
                return await self._channel.receive()
        except TimeoutError:
            raise Over(NO_KEY, "nobody has said who is asking") from None

    def _pay(self) -> None:
        """For a message: what a client says costs the node as much as a request does."""
        answer = take((MESSAGES,), self._paid, 1, asyncio.get_running_loop().time())
        self._paid = answer.buckets
        if not answer.allowed:
            raise Over(TOO_MANY, f"more than {MESSAGES.quota} messages in {MESSAGES.window_s} s")

    async def _do(self, message: dict[str, Any], group: asyncio.TaskGroup) -> None:
        name = message.get("subscription", DEFAULT)
        match message["action"]:
            case "authenticate":
                await self._authenticate(message, group)
            case _ if not self._known:
                raise Unauthorized("nobody has said who is asking", remedy="begin with `authenticate`")
            case "subscribe":
                await self._subscribe(name, message, group)
            case "unsubscribe":
                await self._unsubscribe(name)
            case _:
                await self._notice(PONG, {"data": message.get("data")})

    async def _authenticate(self, message: dict[str, Any], group: asyncio.TaskGroup) -> None:
        if self._begun:
            raise Wrong(Fault("/action", "action", "is the first message, or none"))
        self._known = False  # whatever the handshake has said: a key that does not count stands for nothing
        self._desk, self._closing = self._enter(message["key"])
        self._known = True
        if self._ending is not None:
            self._ending.cancel()
        self._ending = group.create_task(self._end())
        await self._notice(AUTHENTICATED, {})

    async def _subscribe(self, name: str, message: dict[str, Any], group: asyncio.TaskGroup) -> None:
        if name in self._tellers:
            fault = Fault("/subscription", "subscription", f"'{name}' goes on already")
            raise Wrong(fault, remedy="unsubscribe it first, or choose another name")
        if len(self._tellers) >= MOST:
            raise Limited(
                f"a connection has at most {MOST} subscriptions", remedy="end one, or open another connection"
            )
        only = filter_of(
            self._desk,
            "",
            names=message.get("type", ()),
            subject=message.get("subject", ""),
            kind=message.get("kind", ""),
            states=message.get("state", ()),
            since=message.get("since"),
        )
        following = await begin(self._desk, message.get("last_event_id"), only)
        await self._notice(SUBSCRIBED, {}, name, following.position)
        self._places[name] = following.position
        self._tellers[name] = group.create_task(self._tell(name, following))

    async def _unsubscribe(self, name: str) -> None:
        teller = self._tellers.pop(name, None)
        if teller is None:
            raise Wrong(
                Fault("/subscription", "subscription", f"there is no '{name}'"), remedy="subscribe first"
            )
        teller.cancel()
        await asyncio.wait([teller])
        await self._notice(UNSUBSCRIBED, {}, name, self._places.pop(name))

    async def _tell(self, name: str, following: Following) -> None:
        while (found := await following.more(HEARTBEAT_S)) is not None:
            for event in found:
                if event.name == RESET:
                    await self._notice(RESET, event.data, name, event.id)
                else:
                    await self._channel.send({"type": FRAME, "frame": told_to(event, name)})
                self._places[name] = event.id
            self._places[name] = following.position
            if not found:
                await self._notice(HEARTBEAT, {}, name, following.position)

    async def _notice(
        self, name: str, data: Mapping[str, Any], subscription: str | None = None, id: int | None = None
    ) -> None:
        text = _notice(name, data, subscription, id).decode()
        await self._channel.send({"type": "websocket.send", "text": text})


def _code(problem: Problem) -> int:
    if isinstance(problem, Limited):
        return TOO_MANY
    return MAY_NOT if isinstance(problem, Refused) and not isinstance(problem, Unauthorized) else NO_KEY


def _reason(problem: Problem) -> str:
    return problem.message.encode()[:LONGEST_REASON].decode(errors="ignore")


def _notice(
    name: str, data: Mapping[str, Any], subscription: str | None = None, id: int | None = None
) -> bytes:
    said = {
        "subscription": subscription,
        "id": id,
        "timestamp": stamp(datetime.now(UTC)),
        "event": name,
        "subject": None,
        "data": data,
    }
    return encode_json(said)


def _framed(event: Event, subscription: str) -> bytes:
    """The event, with the subscription that it is told to."""
    return framed(encode_json({"subscription": subscription})[:-1] + b"," + told(event)[1:])


told_to = Made(_framed)
