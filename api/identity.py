"""Who asks, and what they may: on the socket the kernel says so, over TCP nobody has said.

Rules: the owner of the node and root may do everything through the socket, nobody else anything; over
TCP one may look, at what is meant to be looked at without a credential, and change nothing unless the
setting `api.writes` says otherwise. A route says what it is by its `opt`: see the words below.
"""

from __future__ import annotations

import os
import pwd
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers.base import BaseRouteHandler

from api.errors import ReadOnly
from reconciler.errors import Refused
from reconciler.runtime.asker import Asker
from reconciler.runtime.desk import Desk

READS = {"reads": True}
"""The opt of a route that changes nothing although its method is not GET."""
PRIVATE = {"private": True}
"""The opt of a route that only the socket serves: what it tells is for the owner."""
INTERNAL = {"internal": True}
"""The opt of a route of the internal listener; the socket has it too, the public one has not."""
CONFLICTS = {"conflicts": True}
"""The opt of a route that refuses what a source declares otherwise."""
PROVEN = {"proven": True}
"""The opt of a route that asks for a proof of its own, and so may be called over TCP by whoever has it."""
SWITCHES = {"switches": True}
"""The opt of a route whose answer is a WebSocket."""
EVERYWHERE = {"everywhere": True}
"""The opt of a route that every listener has."""

_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: Linux' struct ucred
_TRACE = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C trace context
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Door(StrEnum):
    """The listener that a request came in by."""

    SOCKET = "socket"
    PUBLIC = "public"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of the socket, as the kernel knows it."""

    uid: int
    pid: int

    @property
    def may_all(self) -> bool:
        return self.uid in (0, os.geteuid())

    @property
    def actor(self) -> str:
        """As operations and events name it: `uid:0 root`."""
        return f"uid:{self.uid} {_user(self.uid)}".rstrip()


@lru_cache(maxsize=64)
def _user(uid: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return ""


def peer_of(connection: socket.socket) -> Peer:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return Peer(uid, pid)


def asker(request: Request[Any, Any, Any]) -> Asker:
    state = request.scope["state"]
    peer: Peer | None = state.get("peer")
    actor = peer.actor if peer is not None else "anonymous"
    trace = _TRACE.fullmatch(request.headers.get("traceparent", ""))
    return Asker(actor, state["request_id"], trace[1] if trace else "")


class Guard:
    """The framework's guard of every route."""

    def __init__(self, desk: Desk | None, *, writes: bool) -> None:
        self._desk = desk
        self._writes = writes  # over TCP

    def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        state = connection.scope["state"]
        door, peer = Door(state["door"]), state.get("peer")
        opt = handler.opt
        if door is Door.SOCKET:
            if peer is None or not peer.may_all:
                raise Refused(
                    "this socket answers only the owner of the node and root",
                    remedy="ask as that user, or read over HTTP",
                )
            return
        if not opt.get("everywhere") and bool(opt.get("internal")) != (door is Door.INTERNAL):
            raise NotFoundException(detail="the path is not served by this listener")
        if opt.get("private"):
            raise Refused(
                "this is told only to the owner of the node", remedy="ask through the node's Unix socket"
            )
        reads = connection.scope.get("method", "") in SAFE or opt.get("reads") or opt.get("proven")
        if not (reads or (self._writes and door is Door.PUBLIC)):
            raise self._read_only()

    def _read_only(self) -> ReadOnly:
        return ReadOnly(self._desk.sources() if self._desk else ())
