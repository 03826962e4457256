"""The parameters of a query, before their route: what is wrong with them is told at once, each by its name.

Rules: one that no route knows is refused, so a typo never passes for a default; the framework reads what the
route and each that provides for it takes one after another, and would tell of the first that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, get_args, get_origin
from urllib.parse import parse_qsl

from litestar import Request
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import ValidationError, convert

from api.errors import Fault, Wrong, misspelt

ISO = "write it in ISO 8601, as in 2026-01-31T12:00:00Z"
NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)


class _Takes(NamedTuple):
    """What a parameter may be."""

    text: bool
    time: bool
    many: bool
    type: Any  # as the framework will read it


def only_known(request: Request[Any, Any, Any]) -> None:
    query = request.scope["query_string"]
    if query and (faults := _faults(request.route_handler, query)):
        raise Wrong(*faults)


@lru_cache(maxsize=64)
def _faults(handler: HTTPRouteHandler, query: bytes) -> Sequence[Fault]:
    known = _known(handler)
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    faults = [
        Fault(f"/query/{name}", name, "unknown parameter", misspelt(name, sorted(known)))
        for name, _ in given
        if name not in known
    ]
    return faults + [
        Fault(f"/query/{name}", name, *wrong)
        for name, value in given
        if name in known and (wrong := _misread(value, known[name]))
    ]


@lru_cache(maxsize=256)
def _known(handler: HTTPRouteHandler) -> Mapping[str, _Takes]:
    """The names by which a route's parameters are given, and what they are."""
    return {
        field.kwarg_definition.name or name: _Takes(
            _holds(field.annotation, str),
            _holds(field.annotation, datetime),
            _holds(field.annotation, list),
            each.signature_model.__annotations__[name],
        )
        for each in _readers(handler)
        for name, field in each.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }


def _readers(handler: HTTPRouteHandler) -> Sequence[HTTPRouteHandler | Provide]:
    """The route, and of all that is provided what it needs, or what that needs in its turn."""
    provided = handler.resolve_dependencies()
    found: list[HTTPRouteHandler | Provide] = [handler]
    for each in found:  # which grows meanwhile
        needed = [provided[name] for name in each.parsed_fn_signature.parameters if name in provided]
        found += [one for one in needed if one not in found]
    return found


def _misread(value: str, takes: _Takes) -> tuple[str, str] | None:
    """What the framework would refuse, or take for something that nobody has said."""
    if value == "null" and not takes.text:
        return "is no value", "leave the parameter out"
    if takes.time and NUMBER.fullmatch(value):
        return "is no time", ISO
    try:
        convert([value] if takes.many else value, takes.type, strict=False)
    except ValidationError as error:
        return str(error), ISO if takes.time else ""
    return None


def _holds(annotation: object, wanted: type) -> bool:
    parts = get_args(annotation)
    return wanted in {annotation, get_origin(annotation)} or any(_holds(part, wanted) for part in parts)
