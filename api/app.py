"""The application: every route, and around all of them the same guard, errors and order.

Rules: built once a node, from its desk; nothing that is optional in the framework is switched on, since
a node that is idle pays for it in memory.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.params import HeaderParameter, QueryParameter
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from api import identity, params, routes
from api.admission import Admission
from api.conditional import no_condition
from api.cors import Cors
from api.desks import Desks
from api.document import Document
from api.framework import Framework
from api.gate import Gate
from api.idempotency import Idempotency, once
from api.leases import Leases
from api.limits import Limiter
from api.proxies import Proxies
from api.room import Room
from api.stream import Closing
from api.versions import negotiated
from api.websocket.session import Enter
from api.websocket.upgrade import Upgrading
from reconciler.runtime.desk import Desk
from reconciler.settings import Api, Limits, Settings

if TYPE_CHECKING:
    from litestar._kwargs.dependencies import DependencyContainer

SMALL_BODY = 1024 * 1024
BODIES_AT_ONCE = 2  # of the largest; of smaller ones more, before anybody finds no room
LARGE = frozenset({"/api/v1/apply", "/api/v1/diff"})


def layered(desk: Desk, wanted: Settings, closing: Closing, limiter: Limiter | None = None) -> ASGIApp:
    """What a listener serves: all that a request passes, from the outside in."""
    limiter = limiter or Limiter(wanted.limits)
    once_only = Idempotency(Framework(build(desk, wanted.api, closing, limiter), limiter), desk)
    gate = Gate(once_only, Cors(wanted.cors), limiter, desk.as_of)
    trusted = wanted.api.trusted_proxies
    return Upgrading(Proxies(gate, trusted) if trusted else gate)


def build(
    desk: Desk | None,
    limits: Api,
    closing: Closing,
    limiter: Limiter | None = None,
    *,
    openapi: OpenAPIConfig | None = None,
) -> Litestar:
    """Without a desk only to be described."""
    admission = Admission(desk, limits, limiter or Limiter(Limits()))
    desks = Desks(desk) if desk is not None else None
    rooms = {door: Room(BODIES_AT_ONCE * limits.max_body_bytes) for door in identity.Door}

    def seen(request: Request[Any, Any, Any]) -> Desk | None:
        return desks(request.scope["state"]["caller"].permissions) if desks is not None else None

    async def before(request: Request[Any, Any, Any]) -> Response[None] | Response[bytes] | None:
        admission.check(
            request, request.route_handler
        )  # a guard would be handed a copy of the route each time
        return await first(request)

    leases = Leases(closing, desk.counts) if desk is not None else None

    def until(request: Request[Any, Any, Any]) -> Closing:
        return leases.lease(request.scope["state"]["caller"].holder) if leases is not None else closing

    def enter(request: Request[Any, Any, Any]) -> Enter:
        def entered(secret: str) -> tuple[Desk, Closing]:
            assert desk is not None  # noqa: S101 - without one nothing is served
            assert leases is not None  # noqa: S101 - the same
            caller = admission.enter(request, request.route_handler.opt, secret)
            return desk.seen_by(caller.permissions), leases.lease(caller.holder)

        return entered

    def failed(request: Request[Any, Any, Any]) -> Callable[[], None]:
        return lambda: admission.failed(request)

    def room(request: Request[Any, Any, Any]) -> Room:
        return rooms[request.scope["state"]["door"]]

    app = Litestar(
        [*_handlers(limits)],
        before_request=before,
        dependencies={
            "desk": Provide(seen, sync_to_thread=False),
            "by": Provide(identity.asker, sync_to_thread=False),
            "room": Provide(room, sync_to_thread=False),
            "closing": Provide(until, sync_to_thread=False),
            "enter": Provide(enter, sync_to_thread=False),
            "failed": Provide(failed, sync_to_thread=False),
            **routes.PROVIDED,
        },
        response_class=Document,
        debug=False,  # whatever the environment says: a stack trace never leaves
        pdb_on_exception=False,
        logging_config=None,
        openapi_config=openapi,
        request_max_body_size=SMALL_BODY,
    )
    _on_the_spot(app)
    return app


def _on_the_spot(app: Litestar) -> None:
    """Provide what routes need by calls: the framework would begin tasks for that, and little of it waits.

    Nor is it checked what the API has made itself.
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, model in route.route_handler_map.values():
                provided = [each for batch in model.dependency_batches for each in batch]
                at_once = [each for each in provided if _is_at_once(each)]
                model.extractors += (_provides(each.key, each.provide) for each in at_once)
                model.dependency_batches = [{each} for each in provided if each not in at_once]


def _is_at_once(provided: DependencyContainer) -> bool:
    provide = provided.provide
    stays = provide.has_async_generator_dependency or provide.has_sync_generator_dependency
    return provide.has_sync_callable and not stays and all(map(_is_at_once, provided.dependencies))


def _provides(name: str, provide: Provide) -> Callable[[dict[str, Any], Any], Awaitable[None]]:
    make, takes = provide.dependency, provide.parsed_fn_signature.parameters
    model = provide.signature_model
    written = any(
        isinstance(one.kwarg_definition, QueryParameter | HeaderParameter) for one in takes.values()
    )

    async def checked(values: dict[str, Any], request: Any) -> None:  # noqa: ANN401 - as extractors are
        values[name] = make(**model.parse_values_from_connection_kwargs(connection=request, kwargs=values))

    async def plain(values: dict[str, Any], _: object) -> None:
        values[name] = make(**{taken: values[taken] for taken in takes})

    return checked if written else plain  # what no caller has written is as it should be


async def first(request: Request[Any, Any, Any]) -> Response[None] | Response[bytes] | None:
    """Before every route, for who may ask it; an answer of its own ends the matter."""
    if request.method == "OPTIONS":  # the framework's own names only those of the first handler of a path
        allowed = ", ".join(sorted(_methods(request)))
        return Response(None, status_code=HTTPStatus.NO_CONTENT, headers={"allow": allowed})
    params.only_known(request)
    negotiated(request)
    no_condition(request)
    return await once(request)


def _methods(request: Request[Any, Any, Any]) -> Iterator[str]:
    """All that a path takes."""
    template = request.scope["path_template"]
    for route in request.app.routes:
        if isinstance(route, HTTPRoute) and route.path_format == template:
            yield from route.methods


def _handlers(limits: Api) -> Iterator[HTTPRouteHandler]:
    """Every handler of every file in `routes`."""
    for found in pkgutil.iter_modules(routes.__path__):
        for value in vars(import_module(f"{routes.__name__}.{found.name}")).values():
            if isinstance(value, HTTPRouteHandler):
                if value.paths & LARGE:
                    value.request_max_body_size = limits.max_body_bytes
                yield value
