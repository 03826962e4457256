"""A parameter that no route knows is refused: a typo never passes for a default."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api.errors import Fault, Wrong, misspelt


def only_known(request: Request[Any, Any, Any]) -> None:
    if not request.query_params:
        return
    handler = request.route_handler
    known = _known(handler)
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise Wrong(
            *(
                Fault(f"/query/{name}", name, "unknown parameter", misspelt(name, sorted(known)))
                for name in unknown
            )
        )


@lru_cache(maxsize=256)
def _known(handler: HTTPRouteHandler) -> frozenset[str]:
    """The names by which a route's parameters are given."""
    signatures = [handler.parsed_fn_signature]
    signatures += [provided.parsed_fn_signature for provided in handler.resolve_dependencies().values()]
    return frozenset(
        field.kwarg_definition.name or name
        for signature in signatures
        for name, field in signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    )
