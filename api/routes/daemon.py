"""The node itself: how it does, and how it is told to stop."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter

from api.identity import INTERNAL, needs
from api.routes import By, TheDesk
from reconciler.views import DaemonView, StatsView

Services = Annotated[bool, QueryParameter(description="End what the node supervises as well.")]

LOOK = needs("reconcile:read")
STOP = needs("admin")


@get("/status", sync_to_thread=False, opt=LOOK | INTERNAL, summary="State and uptime")
def status(desk: TheDesk) -> DaemonView:
    return desk.daemon.view()


@get("/api/v1/daemon/status", sync_to_thread=False, opt=LOOK, summary="State and uptime")
def daemon_status(desk: TheDesk) -> DaemonView:
    return desk.daemon.view()


@get("/stats", opt=LOOK | INTERNAL, summary="Figures of the process")
async def stats(desk: TheDesk) -> StatsView:
    return await desk.daemon.stats()


@get("/api/v1/daemon/stats", opt=LOOK, summary="Figures of the process")
async def daemon_stats(desk: TheDesk) -> StatsView:
    return await desk.daemon.stats()


@post(
    "/shutdown",
    status_code=202,
    opt=STOP | INTERNAL,
    summary="Stop the node; services go on if not asked",
)
async def shutdown(desk: TheDesk, by: By, *, services: Services = False) -> DaemonView:
    return await desk.daemon.stop(by, services=services)


@post(
    "/api/v1/daemon/shutdown",
    status_code=202,
    opt=STOP,
    summary="The same under the API's own path",
)
async def daemon_shutdown(desk: TheDesk, by: By, *, services: Services = False) -> DaemonView:
    return await desk.daemon.stop(by, services=services)
