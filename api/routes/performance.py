"""How the node performs, for a look: what requests and queries took, and where time could be spared."""

from __future__ import annotations

from litestar import get

from api.identity import needs
from api.routes import TheDesk
from reconciler.views import OptimizationsView, PerformanceView


@get(
    "/api/v1/metrics/performance",
    sync_to_thread=False,
    opt=needs("reconcile:read"),
    summary="What requests and queries took since the node was started",
)
def metrics(desk: TheDesk) -> PerformanceView:
    """By route and by query, with quantiles; what is to be kept over time is at `/metrics`."""
    return desk.performance()


@get(
    "/api/v1/metrics/optimizations",
    sync_to_thread=False,
    opt=needs("reconcile:read"),
    summary="What would spare time: slow routes, reads that are told in full each time, slow queries",
)
def optimizations(desk: TheDesk) -> OptimizationsView:
    """Rules over the same figures, each with its bound; empty: nothing is beyond one."""
    return desk.optimizations()
