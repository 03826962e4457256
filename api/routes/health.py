"""Is it alive, and does its engine work?"""

from __future__ import annotations

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from api.identity import EVERYWHERE, FREE, OPEN, needs
from api.routes import TheDesk
from reconciler.views import FullHealthView, HealthView


def _health(desk: TheDesk) -> Response[HealthView]:
    """Never green because the engine is dead: then it is 503. What else is wrong is `degraded`, and named."""
    view = desk.daemon.health()
    return Response(view, status_code=503 if view["status"] == "stalled" else 200)


async def full(desk: TheDesk) -> Response[FullHealthView]:
    view = await desk.health.full()
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
    opt=needs("reconcile:read") | EVERYWHERE,
    responses=UNWELL,
    summary="Health, part by part",
)
async def health_full(desk: TheDesk) -> Response[FullHealthView]:
    """Each part is asked anew, and none for longer than a few seconds."""
    return await full(desk)
