"""A parameter that no route knows is refused: a typo never passes for a default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, get_args

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api.errors import Fault, Wrong, misspelt

NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)


def only_known(request: Request[Any, Any, Any]) -> None:
    if not request.scope["query_string"]:
        return
    known = _known(request.route_handler)
    faults = [
        Fault(f"/query/{name}", name, "unknown parameter", misspelt(name, sorted(known)))
        for name in request.query_params
        if name not in known
    ]
    faults += [
        Fault(f"/query/{name}", name, *wrong)
        for name, value in request.query_params.multi_items()
        if name in known and (wrong := _misread(value, known[name]))
    ]
    if faults:
        raise Wrong(*faults)


@lru_cache(maxsize=256)
def _known(handler: HTTPRouteHandler) -> Mapping[str, object]:
    """The names by which a route's parameters are given, and what they are."""
    signatures = [handler.parsed_fn_signature]
    signatures += [provided.parsed_fn_signature for provided in handler.resolve_dependencies().values()]
    return {
        field.kwarg_definition.name or name: field.annotation
        for signature in signatures
        for name, field in signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }


def _misread(value: str, annotation: object) -> tuple[str, str] | None:
    """What the framework would take for something that nobody has said."""
    if value == "null" and not _holds(annotation, str):
        return "is no value", "leave the parameter out"
    if NUMBER.fullmatch(value) and _holds(annotation, datetime):
        return "is no time", "write it in ISO 8601, as in 2026-01-31T12:00:00Z"
    return None


def _holds(annotation: object, wanted: type) -> bool:
    return annotation is wanted or any(_holds(part, wanted) for part in get_args(annotation))
