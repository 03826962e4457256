"""Push hooks: a forge says that something was pushed, and proves that it is the one who may."""

from __future__ import annotations

from litestar import post
from litestar.exceptions import InternalServerException
from litestar.params import FromPath

from api.identity import PROVEN
from api.routes import AnyRequest, By, Namespace, TheDesk
from reconciler.errors import Invalid
from reconciler.runtime.hooks import unproven
from reconciler.views import HookView

LARGEST = 25 * 1024 * 1024  # what GitHub sends at most; none of it is kept


@post(
    "/api/v1/hooks/{name:str}",
    status_code=202,
    opt=PROVEN,
    request_max_body_size=LARGEST,
    summary="Something was pushed: let this source fetch at once",
)
async def hook(
    request: AnyRequest, desk: TheDesk, by: By, name: FromPath[str], namespace: Namespace = "default"
) -> HookView:
    """Signed as GitHub, Gitea, Forgejo, Gogs, Bitbucket, GitLab or Holdfast do, or with a bearer token."""
    source = name if namespace == "default" else f"{namespace}/{name}"
    proof = await desk.hooks.proof(source)
    try:
        async for chunk in request.stream():
            proof.feed(chunk)
    except InternalServerException as error:
        raise Invalid("the request ended before its body did") from error
    if not proof.holds(request.headers):
        raise unproven()
    return await desk.hooks.fetch(source, by._replace(actor="hook"))
