"""Litestar asked for its routes alone: what goes wrong in them is told here, as all that goes wrong is.

Rules: the framework's own way to its router would catch errors once more and wrap what is sent for it; which
route was chosen is noted for those further out. What fits no route has an address all the same, and that pays
for it.
"""

from __future__ import annotations

from litestar import Litestar
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.types import Receive, Scope, Send

from api.document import Document
from api.errors import failed
from api.identity import Door
from api.limits import Limiter, TooMuch
from reconciler.runtime.asker import Rehearsed


class Framework:
    def __init__(self, app: Litestar, limiter: Limiter) -> None:
        self._app = app
        self._limiter = limiter
        self._routes = app.asgi_router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["litestar_app"] = self._app
        try:
            await self._routes(scope, receive, send)
        except Rehearsed as rehearsed:  # a dry run, where the real one would have begun to write
            await Document(rehearsed.plan)(scope, receive, send)
        except (NotFoundException, MethodNotAllowedException) as error:
            await failed(self._paid(scope) or error, scope, send)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            await failed(error, scope, send)
        finally:
            scope["state"]["route"] = scope.get("path_template")

    def _paid(self, scope: Scope) -> TooMuch | None:
        """What keeps it from being paid, if that is still to be done."""
        state, client = scope["state"], scope["client"]
        if "caller" in state or Door(state["door"]) is Door.SOCKET:
            return None
        taken = state["taken"] = self._limiter.of_address(client[0] if client is not None else "", 1)
        return TooMuch(taken) if taken is not None and not taken.answer.allowed else None
