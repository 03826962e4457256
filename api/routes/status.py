"""How everything stands, and how one thing does."""

from __future__ import annotations

from litestar import get
from litestar.params import FromPath

from api.identity import EACH, needs
from api.routes import Namespace, TheDesk, ref_of
from reconciler.views import NodeView, StatusView


@get(
    "/api/v1/status", sync_to_thread=False, opt=needs("reconcile:read"), summary="The whole node at a glance"
)
def node(desk: TheDesk) -> NodeView:
    return desk.node()


@get(
    "/api/v1/status/{kind:str}/{name:str}",
    sync_to_thread=False,
    opt=EACH,
    summary="One status, and what it waits for",
)
def one(
    desk: TheDesk, kind: FromPath[str], name: FromPath[str], namespace: Namespace = "default"
) -> StatusView:
    return desk.status(ref_of(desk, kind, namespace, name))
