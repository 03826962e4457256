"""By which door somebody comes in, who that is as far as the kernel knows, and the words of a route about it.

Rules: the owner of the node and root may do everything through the socket, nobody else anything. A route
says by its `opt` what it is and whom it serves: the words are below, who goes by them is `admission`.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

from litestar import Request
from litestar.params import QueryParameter

from reconciler.runtime.asker import Asker
from reconciler.within import WITHIN

READS = {"reads": True}
"""The opt of a route that changes nothing although its method is not GET."""
OWN = {"scope": "", "reads": True}
"""The opt of a route about the credential that one asks with: nothing that is wished changes by it."""
PRIVATE = {"private": True}
"""The opt of a route that is for the owner, and for who has a key: never for just anybody."""
OPEN = {"open": True}
"""The opt of a route that needs no permission."""
EACH = {"scope": ""}
"""The opt of a route about resources: who may what with which of them, the desk knows."""
INTERNAL = {"internal": True}
"""The opt of a route of the internal listener; the socket has it too, the public one has not."""
CONFLICTS = {"conflicts": True}
"""The opt of a route that refuses what a source declares otherwise."""
PROVEN = {"proven": True}
"""The opt of a route that asks for a proof of its own, and so may be called over TCP by whoever has it."""
SWITCHES = {"switches": True}
"""The opt of a route whose answer is a WebSocket."""
SHORTENED = {"shortened": True}
"""The opt of a route that tells less, not nothing, to who on this machine does not say who they are."""
EVERYWHERE = {"everywhere": True}
"""The opt of a route that every listener has."""

FREE = {"weight": 0}
"""The opt of a route that no limit counts; else `weight` is how much of it a call takes, 1 if not said."""


def needs(scope: str) -> dict[str, str]:
    """The opt of a route that needs this scope, and for everything: it is about no single resource."""
    return {"scope": scope}


def needs_some(scope: str) -> dict[str, object]:
    """The opt of a route that needs this scope for something at least: what is told is what one may hear."""
    return {"scope": scope, "of_some": True}


_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: Linux' struct ucred
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


DryRun = Annotated[
    bool, QueryParameter(name="dryRun", description="Make every check, write nothing, and tell the plan.")
]


def asker(request: Request[Any, Any, Any], *, dry_run: DryRun = False) -> Asker:
    state = request.scope["state"]
    within = WITHIN.get()
    trace_id = within.trace_id if within is not None else ""
    address = request.client.host if request.client is not None else ""
    return Asker(state["caller"].actor, state["request_id"], trace_id, dry_run, address)
