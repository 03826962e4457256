"""What a node counts and times of itself, for Prometheus."""

from __future__ import annotations

from litestar import MediaType, Response, get
from litestar.openapi.datastructures import ResponseSpec

from api.identity import EVERYWHERE, needs
from api.routes import TheDesk
from reconciler.figures import CONTENT_TYPE

TEXT = {200: ResponseSpec(str, description="As it is.", media_type="text/plain", generate_examples=False)}


@get(
    "/metrics",
    media_type=MediaType.TEXT,
    opt=needs("reconcile:read") | EVERYWHERE,
    responses=TEXT,
    summary="All figures, in Prometheus' text format",
)
async def metrics(desk: TheDesk) -> Response[bytes]:
    """Read without a lock and written at once: a scrape disturbs nobody."""
    text = await desk.figures()
    return Response(text.encode(), media_type=CONTENT_TYPE)
