"""API keys: made, looked at, changed, rotated and revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NotRequired, TypedDict

from litestar import Response, delete, get, patch, post, put
from litestar.params import FromPath

from api.bodies import object_of
from api.conditional import MATCHES, still, tag_of_view
from api.document import Document
from api.errors import Fault, Wrong
from api.idempotency import ONCE
from api.identity import CONFLICTS, needs
from api.members import Reader, all_of, pointer
from api.pages import Page, page_of
from api.routes import AnyRequest, By, Namespace, TheDesk, ThePaging
from api.shapes import takes
from reconciler.access import check
from reconciler.errors import Invalid
from reconciler.runtime.asker import Still
from reconciler.runtime.desk import Desk
from reconciler.runtime.present import stamp
from reconciler.views import ApiKeyView, NewApiKeyView

ADMINS = needs("admin")
RATE = {"per_minute": "perMinute", "per_hour": "perHour", "burst": "burst", "weight": "weight"}
COUNTED = {"per_minute", "per_hour"}
FIELDS = {"name": "title", "expires_at": "expiresAt", "rate_limit": "rate"}
LIMITS = {"names": list, "namespaces": list, "labels": dict}


class ApiKeyBody(TypedDict):
    """A key that is to be made."""

    name: str  # such as `CI Pipeline`
    permissions: list[Any]  # levels, roles, scopes, or objects that limit one by names, namespaces or labels
    expires_at: NotRequired[str]  # it is refused from then on
    rate_limit: NotRequired[dict[str, int]]  # its own: `per_minute`, `per_hour` or both; `burst`, `weight`


class ChangedApiKeyBody(TypedDict):
    """What is to be otherwise."""

    name: NotRequired[str]  # as people call it
    permissions: NotRequired[list[Any]]  # all of them
    enabled: NotRequired[bool]  # false: it is refused
    expires_at: NotRequired[str | None]  # null: never
    rate_limit: NotRequired[dict[str, int] | None]  # null: that of the node's settings


class RotateBody(TypedDict):
    """How long the old secret goes on."""

    grace_seconds: NotRequired[int]  # 0 if not said: it ends at once


@post(
    "/api/v1/auth/keys",
    status_code=201,
    opt=ADMINS | ONCE | CONFLICTS | takes(ApiKeyBody) | {"names": False},
    summary="Make a key; its secret is told once",
)
async def create(
    request: AnyRequest, desk: TheDesk, by: By, namespace: Namespace = "default"
) -> NewApiKeyView:
    given = await object_of(request, ApiKeyBody, READS)
    return await desk.api_keys.create(given.pop("name"), _fields(given), by, namespace=namespace)


@get("/api/v1/auth/keys", sync_to_thread=False, opt=ADMINS, summary="All keys, without their secrets")
def every(request: AnyRequest, desk: TheDesk, paging: ThePaging) -> Page[ApiKeyView]:
    return page_of(desk.api_keys.every(), lambda view: view, request, paging)


@get("/api/v1/auth/keys/{name:str}", sync_to_thread=False, opt=ADMINS, summary="One key")
def one(desk: TheDesk, name: FromPath[str]) -> Response[ApiKeyView]:
    view = desk.api_keys.one(name)
    return Document(view, headers={"etag": _tag(view)})


@put(
    "/api/v1/auth/keys/{name:str}",
    opt=ADMINS | CONFLICTS | MATCHES | takes(ChangedApiKeyBody),
    summary="Give a key other permissions, another rate or end, or switch it off",
)
async def change(request: AnyRequest, desk: TheDesk, by: By, name: FromPath[str]) -> ApiKeyView:
    """What is not said stays as it is."""
    return await _changed(request, desk, by, name)


@patch(
    "/api/v1/auth/keys/{name:str}",
    opt=ADMINS | CONFLICTS | MATCHES | takes(ChangedApiKeyBody),
    summary="The same as PUT, which changes no more than it says either",
)
async def amend(request: AnyRequest, desk: TheDesk, by: By, name: FromPath[str]) -> ApiKeyView:
    return await _changed(request, desk, by, name)


async def _changed(request: AnyRequest, desk: TheDesk, by: By, name: str) -> ApiKeyView:
    given = await object_of(request, ChangedApiKeyBody, READS)
    return await desk.api_keys.change(name, _fields(given), by, _still(request, desk, name))


@delete(
    "/api/v1/auth/keys/{name:str}",
    opt=ADMINS | CONFLICTS | MATCHES,
    summary="Revoke a key, at once and for good",
)
async def revoke(request: AnyRequest, desk: TheDesk, by: By, name: FromPath[str]) -> None:
    await desk.api_keys.revoke(name, by, _still(request, desk, name))


@post(
    "/api/v1/auth/keys/{name:str}/rotate",
    status_code=200,
    opt=ADMINS | ONCE | CONFLICTS | MATCHES | takes(RotateBody),
    summary="Give a key a new secret, which is told once",
)
async def rotate(request: AnyRequest, desk: TheDesk, by: By, name: FromPath[str]) -> NewApiKeyView:
    given = await object_of(request, RotateBody, {"grace_seconds": partial(_number, least=0)})
    grace = timedelta(seconds=given.get("grace_seconds", 0))
    return await desk.api_keys.rotate(name, grace, by, _still(request, desk, name))


def _still(request: AnyRequest, desk: Desk, name: str) -> Still:
    return still(request, lambda: _tag(desk.api_keys.one(name)))


def _tag(view: ApiKeyView) -> str:
    """Moves with all but its use, which would end every condition within a minute."""
    return tag_of_view({**view, "last_used_at": None})


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    """Of the spec, as a manifest has them."""
    return {FIELDS.get(name, name): value for name, value in given.items()}


def _permissions(given: object, _: str) -> list[Any]:
    if not isinstance(given, list) or not given:
        raise Wrong(Fault("/permissions", "permissions", "expected a list of texts", '["read"]'))
    faults = []
    for number, one in enumerate(given):
        try:
            _permission(one)
        except Invalid as why:
            faults.append(Fault(f"/permissions/{number}", "permissions", why.message, why.remedy))
    if faults:
        raise Wrong(*faults)
    return given


def _permission(one: Any) -> None:  # noqa: ANN401 - whatever the body has there
    scope = one.get("scope") if isinstance(one, dict) else one
    if not isinstance(scope, str):
        raise Invalid("expected a scope, or an object with one", remedy='"services:write"')
    check(scope)
    if isinstance(one, dict) and not all(
        name == "scope" or (name in LIMITS and isinstance(value, LIMITS[name])) for name, value in one.items()
    ):
        raise Invalid("a limit is `names` or `namespaces`, as lists, or `labels`, an object")


def _moment(given: Any, _: str) -> str | None:  # noqa: ANN401 - whatever the body has there
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        told = "expected a time in ISO 8601"
        raise Wrong(Fault("/expires_at", "expires_at", told, "2030-01-31T12:00:00Z")) from None
    return stamp(at.replace(tzinfo=at.tzinfo or UTC))


def _rate(given: object, name: str) -> dict[str, int] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or not given.keys() <= RATE.keys() or COUNTED.isdisjoint(given):
        raise Wrong(Fault("/rate_limit", "rate_limit", "expected an object", '{"per_minute": 600}'))
    numbers = all_of(partial(_number, value, one, least=1, under=(name,)) for one, value in given.items())
    return dict(zip((RATE[one] for one in given), numbers, strict=True))


def _number(given: object, name: str, *, least: int, under: tuple[str, ...] = ()) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise Wrong(Fault(pointer(*under, name), name, f"expected a whole number, {least} or more"))
    return given


READS: Mapping[str, Reader] = {"permissions": _permissions, "expires_at": _moment, "rate_limit": _rate}
