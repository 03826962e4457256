"""What asks for a change: apply, diff, reconcile."""

from __future__ import annotations

from functools import partial
from typing import NotRequired, TypedDict

from litestar import post

from api.bodies import BUNDLE, BundleBody, TheBundle, object_of
from api.errors import Fault, Wrong, read_at
from api.identity import CONFLICTS, EACH, READS
from api.members import all_of
from api.routes import AnyRequest, By, TheDesk
from api.shapes import takes
from reconciler.model import Ref
from reconciler.runtime.window import Selection
from reconciler.views import OperationView, PreviewView


class ReconcileBody(TypedDict):
    """Which resources to look at."""

    refs: NotRequired[list[str]]  # such as `service/web`; none: all
    allow_prune: NotRequired[bool]  # what the sources declare may remove much, after a lost store too


class DeleteBody(TypedDict):
    """Which resources nobody wants any more."""

    refs: list[str]  # such as `service/web`
    allow_prune: NotRequired[bool]  # they may be more than half of what is there


@post(
    "/api/v1/apply",
    status_code=202,
    opt=EACH | CONFLICTS | takes(BundleBody, yaml=True),
    dependencies=BUNDLE,
    summary="Put manifests into the inbox",
)
async def apply(desk: TheDesk, by: By, bundle: TheBundle) -> OperationView:
    return await desk.apply(bundle, by)


@post(
    "/api/v1/diff",
    status_code=200,
    opt=EACH | READS | takes(BundleBody, yaml=True),
    dependencies=BUNDLE,
    summary="What applying the same would change",
)
async def diff(desk: TheDesk, bundle: TheBundle) -> PreviewView:
    return await desk.diff(bundle)


@post(
    "/api/v1/reconcile",
    status_code=202,
    opt=EACH | takes(ReconcileBody),
    summary="Look now, and begin the tries anew",
)
async def reconcile(request: AnyRequest, desk: TheDesk, by: By) -> OperationView:
    """Without a body, or with no refs named in it, all resources are meant."""
    given = await object_of(request, ReconcileBody, {"refs": partial(_refs, desk)})
    refs = given.get("refs") or desk.refs(Selection())
    return await desk.reconcile(refs, by, allow_prune=given.get("allow_prune", False))


@post(
    "/api/v1/delete",
    status_code=202,
    opt=EACH | CONFLICTS | takes(DeleteBody),
    summary="Take several things out of the inbox at once",
)
async def delete(request: AnyRequest, desk: TheDesk, by: By) -> OperationView:
    """They may need one another."""
    given = await object_of(request, DeleteBody, {"refs": partial(_refs, desk)})
    return await desk.delete(given["refs"], by, allow_prune=given.get("allow_prune", False))


def _refs(desk: TheDesk, given: object, _: str) -> list[Ref]:
    if not isinstance(given, list) or not all(isinstance(ref, str) for ref in given):
        raise Wrong(Fault("/refs", "refs", "expected a list of texts", 'such as ["service/web"]'))
    return all_of(partial(read_at, f"/refs/{place}", desk.ref, ref) for place, ref in enumerate(given))
