"""A person's timed word on a wish: suspend it, stop it, hold it, and take that back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, NotRequired, TypedDict

from litestar import delete, get, post

from api.bodies import object_of
from api.conditional import MATCHES, still, tag_of_view
from api.errors import Fault, Wrong, read_at
from api.identity import EACH
from api.members import text
from api.pages import Page, page_of
from api.routes import AnyRequest, By, TheDesk, ThePaging, TheRef
from api.shapes import takes
from reconciler.model import Ref
from reconciler.quantities import parse_duration
from reconciler.views import OverrideView

ONE = "/api/v1/overrides/{kind:str}/{namespace:str}/{name:str}"


@get(
    "/api/v1/overrides",
    sync_to_thread=False,
    opt=EACH,
    summary="What is overridden, by whom, until when",
)
def every(request: AnyRequest, desk: TheDesk, paging: ThePaging) -> Page[OverrideView]:
    return page_of(desk.overrides(), lambda view: view, request, paging)


OverrideBody = TypedDict(  # `for` is a word of Python's own
    "OverrideBody",
    {
        "ref": Annotated[str, "such as `service/web`"],
        "patch": Annotated[dict[str, Any], 'the fields of the spec to set, such as `{"suspend": true}`'],
        "reason": NotRequired[Annotated[str, "why, for who reads it later"]],
        "for": NotRequired[Annotated[str, "how long it lasts, such as `2h`; none: until it is taken back"]],
    },
)


@post(
    "/api/v1/overrides",
    status_code=201,
    opt=EACH | takes(OverrideBody),
    summary="Patch a wish for a while",
)
async def add(request: AnyRequest, desk: TheDesk, by: By) -> OverrideView:
    """It takes the place of what was said about the same resource before."""

    def ref(given: object, name: str) -> Ref:
        return read_at("/ref", desk.ref, text(given, name))

    given = await object_of(request, OverrideBody, {"ref": ref, "patch": _patch, "for": _last})
    return await desk.override(given["ref"], given["patch"], by, given.get("reason", ""), given.get("for"))


@get(ONE, opt=EACH, sync_to_thread=False, summary="What is overridden of one resource")
def one(desk: TheDesk, ref: TheRef) -> OverrideView:
    return desk.override_of(ref)


@delete(ONE, opt=EACH | MATCHES, summary="Take it back")
async def end(request: AnyRequest, desk: TheDesk, by: By, ref: TheRef) -> None:
    await desk.end_override(ref, by, still(request, lambda: tag_of_view(desk.override_of(ref))))


def _patch(given: object, _: str) -> dict[str, Any]:
    if not isinstance(given, dict) or not given:
        raise Wrong(
            Fault("/patch", "patch", "expected the fields of the spec to override", '{"suspend": true}')
        )
    return given


def _last(given: object, name: str) -> timedelta | None:
    said = text(given, name)
    try:
        return parse_duration(said) if said else None
    except ValueError as error:
        raise Wrong(Fault("/for", "for", str(error))) from error
