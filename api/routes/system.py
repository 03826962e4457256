"""The machine that the node is on, and the node on it."""

from __future__ import annotations

from litestar import Response, get

from api.identity import needs
from api.routes import TheDesk
from api.routes.health import UNWELL, full
from reconciler.views import FullHealthView, SystemView


@get(
    "/api/v1/system/health",
    opt=needs("reconcile:read"),
    responses=UNWELL,
    summary="Health, part by part, under the API's own path",
)
async def system_health(desk: TheDesk) -> Response[FullHealthView]:
    return await full(desk)


@get(
    "/api/v1/system/metrics",
    opt=needs("reconcile:read"),
    summary="What the machine has, and what the node takes of it",
)
async def system_metrics(desk: TheDesk) -> SystemView:
    """In JSON, for a look; what is to be kept is at `/metrics`."""
    return await desk.system()
