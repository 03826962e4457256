"""The declared things: lists of them, one of them, why it is so, and what was done about it."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, delete, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation
from msgspec import Raw

from api.conditional import MATCHES, named, still, tag_of_view
from api.document import Document
from api.errors import Fault, Wrong, read_at
from api.identity import CONFLICTS, EACH
from api.pages import Cursor, Limit, Much, Page, Stretch, frame_of, stretch_of
from api.routes import AnyRequest, By, TheDesk, ThePaging, TheRef
from reconciler.runtime.window import Selection
from reconciler.views import CauseView, OperationView, PlannedView, ResourceView, StatusView

ONE = "/api/v1/resources/{kind:str}/{namespace:str}/{name:str}"

Kind = Annotated[str, QueryParameter(description="Only this kind, in any spelling of it.")]
Where = Annotated[str, QueryParameter(description="Only this namespace.")]
Names = Annotated[list[str] | None, QueryParameter(description="Only this name; may be given several times.")]
Labels = Annotated[str, QueryParameter(description="Only what has all of these labels: `app=web,tier=db`.")]
AllowPrune = Annotated[bool, QueryParameter(description="It may take away more than half of what is there.")]
Chosen = NamedDependency[SkipValidation[Selection]]


def _chosen(
    desk: TheDesk, kind: Kind = "", namespace: Where = "", name: Names = None, labels: Labels = ""
) -> Selection:
    known = read_at("/query/kind", desk.kind, kind) if kind else ""
    return Selection(known, namespace, tuple(name or ()), _labels(labels))


CHOSEN = {"chosen": Provide(_chosen, sync_to_thread=False)}


@get(
    "/api/v1/resources",
    sync_to_thread=False,
    opt=EACH,
    dependencies=CHOSEN,
    summary="Resources, page by page",
)
def pages(
    request: AnyRequest, desk: TheDesk, chosen: Chosen, paging: ThePaging
) -> Response[Page[ResourceView]]:
    told, total = desk.encoded_part(chosen, paging.part)
    frame = frame_of(total, request, paging)
    page: Any = {"data": Raw(told.json), **frame}
    return Document(page, headers={"etag": tag_of_view([told.whole, frame])})


@get(
    "/api/v1/resources/all",
    sync_to_thread=False,
    opt=EACH,
    dependencies=CHOSEN,
    summary="Resources behind a cursor",
)
def stretch(
    desk: TheDesk, chosen: Chosen, cursor: Cursor = None, limit: Much = 1000
) -> Stretch[ResourceView]:
    """Larger pieces than pages, and nothing is left out or told twice while resources come and go."""
    found: Any = stretch_of(desk.refs(chosen), lambda ref: Raw(desk.encoded(ref).json), cursor, limit)
    return found  # type: ignore[no-any-return] # what is encoded already is of any type


@get(
    "/api/v1/status/all",
    sync_to_thread=False,
    opt=EACH,
    dependencies=CHOSEN,
    summary="Statuses behind a cursor",
)
def statuses(desk: TheDesk, chosen: Chosen, cursor: Cursor = None, limit: Much = 1000) -> Stretch[StatusView]:
    """For who follows many resources, and wants to know of each only how it stands."""
    return stretch_of(desk.refs(chosen), desk.status, cursor, limit)


@get(ONE, opt=EACH, sync_to_thread=False, summary="One resource, with its status")
def one(desk: TheDesk, ref: TheRef) -> Response[ResourceView]:
    told = desk.encoded(ref)
    view: Any = told.json
    return Document(view, headers={"etag": named(told.wish_and_status)})


@get(f"{ONE}/plans", opt=EACH, summary="What was planned and done, the newest first")
async def plans(desk: TheDesk, ref: TheRef, limit: Limit = 20) -> list[PlannedView]:
    desk.status(ref)
    return await desk.plans(ref, limit)


@get(f"{ONE}/causes", sync_to_thread=False, opt=EACH, summary="Why it is not ready, down to the root")
def causes(desk: TheDesk, ref: TheRef) -> list[CauseView]:
    return desk.why(ref)


@delete(
    ONE, status_code=202, opt=EACH | CONFLICTS | MATCHES, summary="Take out of the inbox what was applied"
)
async def remove(
    request: AnyRequest, desk: TheDesk, by: By, ref: TheRef, *, allow_prune: AllowPrune = False
) -> OperationView:
    seen = still(request, lambda: named(desk.encoded(ref).wish_and_status))
    return await desk.delete([ref], by, allow_prune=allow_prune, still=seen)


def _labels(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    for key, sign, value in pairs:
        if not key or not sign:
            told = f"'{key}{sign}{value}' is no label and its value"
            raise Wrong(Fault("/query/labels", "labels", told, "write key=value"))
    return {key.strip(): value.strip() for key, _, value in pairs}
