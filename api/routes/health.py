"""Is it alive, and does its engine work?"""

from __future__ import annotations

from typing import cast

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from api.identity import EVERYWHERE, FREE, OPEN, SHORTENED, needs
from api.routes import AnyRequest, TheDesk
from reconciler.access import NOTHING
from reconciler.views import FullHealthView, HealthView


def _health(desk: TheDesk) -> Response[HealthView]:
    """Never green because the engine is dead: then it is 503. What else is wrong is `degraded`, and named."""
    view = desk.daemon.health()
    return Response(view, status_code=503 if view["status"] == "stalled" else 200)


async def full(desk: TheDesk) -> Response[FullHealthView]:
    return _answer(await desk.health.full())


def _answer(view: FullHealthView) -> Response[FullHealthView]:
    return Response(view, status_code=503 if view["status"] == "stalled" else 200)


UNWELL = {503: ResponseSpec(HealthView, description="The engine does not work.", generate_examples=False)}


@get(
    "/health",
    sync_to_thread=False,
    opt=OPEN | FREE | EVERYWHERE,
    responses=UNWELL,
    summary="Liveness, with the age of the last pass",
)
def health(desk: TheDesk) -> Response[HealthView]:
    return _health(desk)


@get(
    "/api/v1/daemon/health",
    sync_to_thread=False,
    opt=OPEN | FREE,
    responses=UNWELL,
    summary="The same under the API's own path",
)
def daemon_health(desk: TheDesk) -> Response[HealthView]:
    return _health(desk)


@get(
    "/health/full",
    opt=needs("reconcile:read") | EVERYWHERE | SHORTENED,
    responses=UNWELL,
    summary="Health, part by part",
)
async def health_full(request: AnyRequest, desk: TheDesk) -> Response[FullHealthView]:
    """Each part is asked anew, and none for longer than a few seconds.

    Where everybody needs a key, who asks without one on the node's own machine is told what `/health` tells.
    """
    if request.scope["state"]["caller"].permissions is NOTHING:
        return _answer(cast("FullHealthView", desk.daemon.health()))  # but for what it need not have
    return await full(desk)
