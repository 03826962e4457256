"""The kinds that this node knows."""

from __future__ import annotations

from litestar import get

from api.identity import needs
from api.routes import TheDesk
from reconciler.views import KindView


@get(
    "/api/v1/kinds",
    sync_to_thread=False,
    opt=needs("plugins:read"),
    summary="Every kind, with the columns of its lists",
)
def kinds(desk: TheDesk) -> list[KindView]:
    return desk.kinds()
