"""Litestar asked for its routes alone: what goes wrong in them is told here, as all that goes wrong is.

Rules: the framework's own way to its router and to a route would look for hooks, guards and layers that there
are none of, catch errors once more and wrap what is sent for it; which route was chosen is noted for those
further out. What fits no route has an address all the same, and that pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from litestar import Litestar, Request
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import HTTPScope, Receive, Scope, Send
from litestar.utils import normalize_path

from api.document import Document
from api.errors import failed
from api.limits import Limiter, owed
from api.routes import AnyRequest
from reconciler.runtime.asker import Rehearsed

if TYPE_CHECKING:
    from litestar._kwargs import KwargsModel


Taking = Callable[[AnyRequest, dict[str, Any]], dict[str, Any]]
"""What was found for a route -> what its function takes of it."""


class Framework:
    def __init__(self, app: Litestar, limiter: Limiter) -> None:
        self._app = app
        self._limiter = limiter
        self._find = app.asgi_router.handle_routing
        self._taking = {handler: _taking(handler) for handler in _handlers(app)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = cast("HTTPScope", scope)  # the gate lets nothing else in
        scope["litestar_app"] = self._app
        try:
            path, method = normalize_path(asked["path"]), asked["method"]
            way, handler, asked["path"], params, template = self._find(path=path, method=method)
            asked["route_handler"], asked["path_params"], asked["path_template"] = handler, params, template
            route: HTTPRoute = cast("Any", way).__self__
            handler, model = route.route_handler_map[method]
            if model.dependency_batches:  # they wait, or are to be put away afterwards
                await way(scope, receive, send)
            else:
                await self._answer(handler, model, Request(scope, receive, send))
        except Rehearsed as rehearsed:  # a dry run, where the real one would have begun to write
            await Document(rehearsed.plan)(scope, receive, send)
        except (NotFoundException, MethodNotAllowedException) as error:
            await failed(owed(scope, self._limiter) or error, scope, send)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            await failed(error, scope, send)
        finally:
            scope["state"]["route"] = scope.get("path_template")

    async def _answer(self, handler: HTTPRouteHandler, model: KwargsModel, request: AnyRequest) -> None:
        """As the framework does, where there is nothing else that it would have to do."""
        before = handler.resolve_before_request()
        told = await before(request) if before is not None else None
        if told is None:
            values: dict[str, Any] = {}
            for extract in model.extractors:
                await extract(values, request)
            taken = self._taking[handler](request, values)
            told = handler.fn(**taken) if handler.has_sync_callable else await handler.fn(**taken)
        if not (isinstance(told, Document) and told.is_json(handler.status_code, handler.media_type)):
            told = await handler.to_response(self._app, told, request)
        await told(request.scope, request.receive, request.send)


def _handlers(app: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from (handler for handler, _ in route.route_handler_map.values())


def _taking(handler: HTTPRouteHandler) -> Taking:
    """What no caller has written is as it should be, and is not looked at again."""
    names, model = handler.parsed_fn_signature.parameters.keys(), handler.signature_model
    if names <= {*handler.resolve_dependencies(), "request"}:
        return lambda _, values: {name: values[name] for name in names}
    return model.parse_values_from_connection_kwargs
