"""What needs what."""

from __future__ import annotations

from litestar import get

from api.identity import needs
from api.routes import TheDesk


@get(
    "/api/v1/graph",
    sync_to_thread=False,
    opt=needs("reconcile:read"),
    summary="Every resource with those that it needs, needs first",
)
def graph(desk: TheDesk) -> dict[str, list[str]]:
    return desk.graph()
