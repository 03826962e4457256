"""Who is let in, and with which rights: before every route.

Rules: on the socket the kernel says who asks, over TCP a key does, or a token for one; what does not count
is never taken for none. Without one may look, at what is meant to be looked at by anybody on this machine,
unless the settings ask everybody for one. What is refused is told to the log, the credential to nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers.base import BaseRouteHandler

from api.errors import ReadOnly
from api.identity import SAFE, Door, Peer
from api.limits import Limiter, Taken, TooMuch
from api.listen import is_loopback
from reconciler.access import ADMIN, EVERYTHING, NOTHING, READ, Permission, Permissions
from reconciler.errors import Invalid, Refused, Unauthorized
from reconciler.records import dataclass
from reconciler.runtime.desk import Desk
from reconciler.runtime.keyring import Holder
from reconciler.runtime.signed_token import is_one
from reconciler.settings import Api

LOOKING = Permissions((Permission(READ),))
"""What anybody on this machine may."""
BEARER = "bearer "
RENEW = "renew it: `POST /api/v1/auth/refresh`, or exchange an API key anew: `POST /api/v1/auth/token`"
MAKE_ONE = "`holdfast api-key create` makes one; send it as `X-API-Key`"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what they may."""

    actor: str  # as operations and events name it
    permissions: Permissions
    holder: Holder | None = None  # of the key that they came with, or that stands behind their token


class Admission:
    def __init__(self, desk: Desk | None, settings: Api, limiter: Limiter) -> None:
        self._desk = desk
        self._limiter = limiter
        self._settings = settings

    def check(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        state, opt = connection.scope["state"], handler.opt
        door: Door = state["door"]
        if not _has(door, opt):
            raise NotFoundException(detail="the path is not served by this listener")
        if connection.scope.get("method") == "OPTIONS":  # says which methods there are, and asks nothing
            return
        caller = self._caller(connection, door, opt)
        state["caller"] = caller
        if door is not Door.SOCKET:
            self._pay(connection, caller, opt.get("weight", 1))
        if opt.get("open") or opt.get("proven"):
            return
        if caller.permissions is NOTHING and opt.get("switches") and "channel" in connection.scope:
            return  # a browser sets no header of a WebSocket: it says by a message who it is
        if caller.permissions is NOTHING and opt.get("shortened") and is_loopback(_address(connection)):
            return
        if door is not Door.SOCKET:
            self._over_tcp(connection, caller, opt)
        _need_scope(caller, opt)

    def enter(
        self, connection: ASGIConnection[Any, Any, Any, Any], opt: Mapping[str, Any], secret: str
    ) -> Caller:
        """Who says only after the handshake who they are."""
        caller = self._holder(connection, secret)
        self._pay(connection, caller, opt.get("weight", 1))
        _need_scope(caller, opt)
        return caller

    def _caller(
        self, connection: ASGIConnection[Any, Any, Any, Any], door: Door, opt: dict[str, Any]
    ) -> Caller:
        if door is Door.SOCKET:
            peer: Peer | None = connection.scope["state"].get("peer")
            if peer is None or not peer.may_all:
                raise Refused(
                    "this socket answers only the owner of the node and root",
                    remedy="ask as that user, or over HTTP",
                )
            return Caller(peer.actor, EVERYTHING)
        secret = "" if opt.get("proven") else presented(connection.scope["state"]["headers"])
        if secret:
            return self._holder(connection, secret)
        if self._settings.require_auth:
            return Caller("anonymous", NOTHING)
        return Caller("anonymous", LOOKING)

    def _holder(self, connection: ASGIConnection[Any, Any, Any, Any], secret: str) -> Caller:
        assert self._desk is not None  # noqa: S101 - without one nothing is served
        found = self._desk.holder(secret)
        if isinstance(found, Holder):
            return Caller(found.actor, found.permissions, found)
        address = _address(connection)
        is_token = is_one(secret)
        what = "token" if is_token else "API key"
        log.warning("%s %s: the %s is %s", address, connection.scope["path"], what, found)
        self.failed(connection)
        remedy = RENEW if is_token else MAKE_ONE
        raise Unauthorized(f"this {what} does not count (any more)", remedy=remedy)

    def failed(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """A credential did not count: these are few that one address may try."""
        self._charge(connection, self._limiter.of_failure(_address(connection)))

    def _pay(self, connection: ASGIConnection[Any, Any, Any, Any], caller: Caller, weight: int) -> None:
        if caller.holder is not None:
            self._charge(connection, self._limiter.of_key(caller.holder, weight))
        else:
            self._charge(connection, self._limiter.of_address(_address(connection), weight))

    def _charge(self, connection: ASGIConnection[Any, Any, Any, Any], taken: Taken | None) -> None:
        connection.scope["state"]["taken"] = taken
        if taken is not None and not taken.answer.allowed:
            raise TooMuch(taken)

    def _over_tcp(
        self, connection: ASGIConnection[Any, Any, Any, Any], caller: Caller, opt: dict[str, Any]
    ) -> None:
        if caller.permissions is NOTHING:
            raise Unauthorized("nobody has said who is asking", remedy=MAKE_ONE)
        if _writes(connection, opt):
            if not self._settings.writes or connection.scope["state"]["door"] is Door.INTERNAL:
                raise ReadOnly(self._desk.sources() if self._desk is not None else ())
            if caller.holder is None:
                raise Unauthorized("nobody has said who is asking for this change", remedy=MAKE_ONE)
        if opt.get("private") and caller.holder is None:
            raise Refused(
                "this is told only to the owner of the node",
                remedy="ask through the node's Unix socket, or with an API key",
            )


def _address(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    return connection.client.host if connection.client is not None else ""


def _need_scope(caller: Caller, opt: Mapping[str, Any]) -> None:
    scope = opt.get("scope", ADMIN)
    has = caller.permissions.allow_some if opt.get("of_some") else caller.permissions.allow
    if scope and not has(scope):
        raise Refused(f"{caller.actor} has no permission `{scope}`", remedy="ask with a key that has it")


def _has(door: Door, opt: dict[str, Any]) -> bool:
    """The route is one of this door's."""
    everywhere = door is Door.SOCKET or bool(opt.get("everywhere"))
    return everywhere or bool(opt.get("internal")) == (door is Door.INTERNAL)


def _writes(connection: ASGIConnection[Any, Any, Any, Any], opt: dict[str, Any]) -> bool:
    return connection.scope.get("method", "") not in SAFE and not opt.get("reads")


def presented(headers: Mapping[str, str]) -> str:
    """The key that a request brings; empty: none."""
    key = headers.get("x-api-key", "")
    bearer = headers.get("authorization", "")
    if not bearer:
        return key.strip()
    if not bearer.lower().startswith(BEARER):
        raise Unauthorized("the API takes no other authorization than a bearer", remedy=MAKE_ONE)
    token = bearer[len(BEARER) :].strip()
    if key and key.strip() != token:
        raise Invalid("two credentials, which are not the same", remedy="send one")
    return token
