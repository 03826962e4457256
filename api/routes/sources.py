"""Where wishes come from: the sources, their revisions, and how they are told to look or go back."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from litestar import get, post
from litestar.params import FromPath

from api.bodies import object_of
from api.identity import EACH
from api.pages import Limit, Page, page_of
from api.routes import AnyRequest, By, Namespace, TheDesk, ThePaging
from api.shapes import takes
from reconciler.views import OperationView, OverrideView, RevisionView, SourceView


@get("/api/v1/sources", sync_to_thread=False, opt=EACH, summary="All sources")
def every(request: AnyRequest, desk: TheDesk, paging: ThePaging) -> Page[SourceView]:
    return page_of(desk.sources(), lambda view: view, request, paging)


@get("/api/v1/sources/git", sync_to_thread=False, opt=EACH, summary="The sources that are git repositories")
def git(request: AnyRequest, desk: TheDesk, paging: ThePaging) -> Page[SourceView]:
    found = [source for source in desk.sources() if source["type"] == "git"]
    return page_of(found, lambda view: view, request, paging)


@get(
    "/api/v1/sources/{name:str}",
    sync_to_thread=False,
    opt=EACH,
    summary="One source, and how far it has come",
)
def one(desk: TheDesk, name: FromPath[str], namespace: Namespace = "default") -> SourceView:
    return desk.source(_named(name, namespace))


@get("/api/v1/sources/{name:str}/revisions", opt=EACH, summary="What it declared, the newest first")
async def revisions(
    desk: TheDesk, name: FromPath[str], namespace: Namespace = "default", limit: Limit = 20
) -> list[RevisionView]:
    source = desk.source(_named(name, namespace))
    return await desk.revisions(source["name"], limit)


@post(
    "/api/v1/sources/{name:str}/push",
    status_code=202,
    opt=EACH,
    summary="Fetch at once: something was pushed",
)
async def push(desk: TheDesk, by: By, name: FromPath[str], namespace: Namespace = "default") -> OperationView:
    source = desk.source(_named(name, namespace))
    return await desk.push(source["name"], by)


class RollbackBody(TypedDict):
    """Where to go back to."""

    revision: NotRequired[str]  # its beginning; none: the one before the present one
    reason: NotRequired[str]  # why, for who reads it later


@post(
    "/api/v1/sources/{name:str}/rollback",
    status_code=202,
    opt=EACH | takes(RollbackBody),
    summary="Go back to a revision and stay there",
)
async def rollback(
    request: AnyRequest, desk: TheDesk, by: By, name: FromPath[str], namespace: Namespace = "default"
) -> OverrideView:
    """Held there until the override on the source is taken back."""
    given = await object_of(request, RollbackBody)
    source = desk.source(_named(name, namespace))
    return await desk.rollback(source["name"], given.get("revision", ""), by, given.get("reason", ""))


def _named(name: FromPath[str], namespace: FromPath[str]) -> str:
    return name if namespace == "default" else f"{namespace}/{name}"
