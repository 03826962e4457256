"""What was asked for, and what has become of it."""

from __future__ import annotations

from litestar import get
from litestar.params import FromPath

from api.identity import needs
from api.routes import TheDesk
from reconciler.views import OperationView


@get("/api/v1/operations/{name:str}", opt=needs("reconcile:read"), summary="One operation")
async def operation(desk: TheDesk, name: FromPath[str]) -> OperationView:
    return await desk.operation(name)
