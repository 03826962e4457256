"""What asks for a change: apply, diff, reconcile."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from api.bodies import Rest, bundle_of, flag_of, object_of, rest
from api.errors import Fault, Wrong
from api.identity import READS
from api.routes import AnyRequest, By, TheDesk
from reconciler.model import Ref
from reconciler.runtime.desk import Selection
from reconciler.views import OperationView, PreviewView

DryRun = Annotated[bool, QueryParameter(name="dryRun", description="Only show what would change.")]


Beside = NamedDependency[SkipValidation[Rest]]

BESIDE = {"beside": Provide(rest, sync_to_thread=False)}


@post("/api/v1/apply", status_code=202, dependencies=BESIDE, summary="Put manifests into the inbox")
async def apply(
    request: AnyRequest, desk: TheDesk, by: By, beside: Beside, *, dry_run: DryRun = False
) -> Response[OperationView] | Response[PreviewView]:
    bundle = await bundle_of(request, beside)
    if dry_run:
        return Response(await desk.rehearse(bundle), status_code=200)
    return Response(await desk.apply(bundle, by))


@post(
    "/api/v1/diff",
    status_code=200,
    opt=READS,
    dependencies=BESIDE,
    summary="What applying the same would change",
)
async def diff(request: AnyRequest, desk: TheDesk, beside: Beside) -> PreviewView:
    return await desk.diff(await bundle_of(request, beside))


@post("/api/v1/reconcile", status_code=202, summary="Look now, and begin the tries anew")
async def reconcile(request: AnyRequest, desk: TheDesk, by: By) -> OperationView:
    """The body names `refs`; without a body, or with none named, all resources are meant.

    `allow_prune`: what the sources among them declare now may remove much, and what was kept because the
    store was lost.
    """
    given = await object_of(request, known=("refs", "allow_prune"))
    refs = _refs(desk, given) or desk.refs(Selection())
    return await desk.reconcile(refs, by, allow_prune=flag_of(given, "allow_prune"))


@post("/api/v1/delete", status_code=202, summary="Take several things out of the inbox at once")
async def delete(request: AnyRequest, desk: TheDesk, by: By) -> OperationView:
    """The body names `refs`, which may need one another, and may say `allow_prune`."""
    given = await object_of(request, known=("refs", "allow_prune"), needed=("refs",))
    return await desk.delete(_refs(desk, given), by, allow_prune=flag_of(given, "allow_prune"))


def _refs(desk: TheDesk, given: dict[str, Any]) -> list[Ref]:
    named = given.get("refs") or []
    if not isinstance(named, list) or not all(isinstance(ref, str) for ref in named):
        raise Wrong(Fault("/refs", "refs", "expected a list of texts", 'such as ["service/web"]'))
    return [desk.ref(ref) for ref in named]
