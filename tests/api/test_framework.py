"""What the framework is not asked for, no route has."""

from __future__ import annotations

import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.app import build
from api.stream import Closing
from reconciler.settings import Api

ROUTES = build(None, Api(), Closing()).routes
HANDLERS = {
    f"{method} {route.path_format}": handler
    for route in ROUTES
    if isinstance(route, HTTPRoute)
    for method, (handler, _) in route.route_handler_map.items()
}


@pytest.mark.parametrize("handler", [HANDLERS[name] for name in sorted(HANDLERS)], ids=sorted(HANDLERS))
def test_no_route_has_what_its_own_way_would_pass_over(handler: HTTPRouteHandler) -> None:
    assert handler.resolve_guards() == []
    assert handler.resolve_middleware() == []
    assert handler.resolve_exception_handlers() == {}
    assert handler.resolve_return_dto() is None
    assert handler.resolve_response_cookies() == frozenset()
    assert handler.background is None
    assert handler.resolve_after_response() is None
    assert not any(layer.after_request for layer in handler.ownership_layers)
    assert all(one.documentation_only for one in handler.resolve_response_headers())
