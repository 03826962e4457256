"""Tokens: an API key exchanged for them, renewed, given back; and who it is that asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from api.bodies import object_of
from api.idempotency import ONCE
from api.identity import EACH, OPEN, OWN, PROVEN
from api.routes import AnyRequest, By, TheDesk
from api.shapes import takes
from reconciler.errors import Unauthorized
from reconciler.views import JwksView, MeView, TokenView

Failed = NamedDependency[SkipValidation[Callable[[], None]]]
"""To be told of a credential that did not count."""


class RefreshBody(TypedDict):
    """What the next tokens are got with."""

    refresh_token: str  # as it was told with the last


@post(
    "/api/v1/auth/token",
    status_code=200,
    opt=OWN | ONCE,
    summary="Exchange the API key that one asks with for tokens",
)
async def token(request: AnyRequest, desk: TheDesk, by: By) -> TokenView:
    holder = request.scope["state"]["caller"].holder
    if holder is None:
        raise Unauthorized("there is no API key to exchange", remedy="send it as `X-API-Key`, over HTTP")
    return await desk.tokens.issue(holder, by)


@post(
    "/api/v1/auth/refresh",
    status_code=200,
    opt=PROVEN | ONCE | takes(RefreshBody),
    summary="Exchange a refresh token for the next tokens; it counts once",
)
async def refresh(request: AnyRequest, desk: TheDesk, by: By, failed: Failed) -> TokenView:
    """One that comes a second time ends its session, and all tokens of it."""
    given = await object_of(request, RefreshBody)
    try:
        return await desk.tokens.refresh(given["refresh_token"], by)
    except Unauthorized:
        failed()
        raise


@post(
    "/api/v1/auth/logout", status_code=204, opt=OWN, summary="End the session of the token that one asks with"
)
async def logout(request: AnyRequest, desk: TheDesk, by: By) -> None:
    await desk.tokens.log_out(request.scope["state"]["caller"].holder, by)


@get("/api/v1/auth/me", sync_to_thread=False, opt=EACH, summary="Who one is to the node, and what one may")
def me(request: AnyRequest, desk: TheDesk) -> MeView:
    caller = request.scope["state"]["caller"]
    return desk.api_keys.me(caller.actor, caller.permissions, caller.holder)


@get("/api/v1/auth/jwks", sync_to_thread=False, opt=OPEN, summary="The keys that tokens are signed with")
def jwks(desk: TheDesk) -> JwksView:
    return {"keys": desk.tokens.published()}
