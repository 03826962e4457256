"""Litestar asked for its routes alone: what goes wrong in them is told here, as all that goes wrong is.

Rules: the framework's own way to its router would catch errors once more and wrap what is sent for it; which
route was chosen is noted for those further out.
"""

from __future__ import annotations

from litestar import Litestar
from litestar.types import Receive, Scope, Send

from api.document import Document
from api.errors import failed
from reconciler.runtime.asker import Rehearsed


class Framework:
    def __init__(self, app: Litestar) -> None:
        self._app = app
        self._routes = app.asgi_router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["litestar_app"] = self._app
        try:
            await self._routes(scope, receive, send)
        except Rehearsed as rehearsed:  # a dry run, where the real one would have begun to write
            await Document(rehearsed.plan)(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            await failed(error, scope, send)
        finally:
            scope["state"]["route"] = scope.get("path_template")
