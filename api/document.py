"""JSON as it leaves: what a route answers with, encoded and sent with no more ado.

Rules: what is bytes is encoded already; what is no JSON, or has no body, goes the framework's own way, which
looks through kinds of media, cookies and headers for each answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from litestar import Request, Response
from litestar.serialization import encode_json
from litestar.types import ASGIApp, Receive, Scope, Send

from api.outgoing import Outgoing
from api.versions import JSON
from reconciler.model import EMPTY

OK = 200
BODILESS = frozenset({204, 304})

T = TypeVar("T")


class Document(Response[T]):
    def __init__(
        self,
        content: T,
        *,
        headers: Mapping[str, str] = EMPTY,
        media_type: str | None = None,
        status_code: int | None = None,
        **_: Any,  # noqa: ANN401 - what else the framework would say, of which there is nothing
    ) -> None:
        """The framework's own asks each time of what kind its headers and cookies are, at length."""
        self.content, self.media_type, self.status_code = content, media_type, status_code
        self.headers, self.cookies, self.encoding = dict(headers), [], "utf-8"
        self.background, self.response_type_encoders = None, {}

    def to_asgi_response(  # type: ignore[override] # any ASGI application does
        self,
        app: None,
        request: Request[Any, Any, Any],
        **told: Any,  # noqa: ANN401 - as the framework has it
    ) -> ASGIApp:
        if self.is_json(told.get("status_code", OK), told.get("media_type")):
            return self
        return super().to_asgi_response(app, request, **told)

    def is_json(self, status_code: int, media_type: str | None) -> bool:
        """By what it says of itself, or else by what its route says; then it is sent as it is."""
        self.status_code = self.status_code or status_code
        is_json = (self.media_type or media_type or JSON) == JSON
        return is_json and self.status_code not in BODILESS and not self.cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self.content if isinstance(self.content, bytes) else encode_json(self.content)
        headers = [(b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body))]
        headers += ((name.encode(), value.encode()) for name, value in self.headers.items())
        if isinstance(send, Outgoing) and self.status_code in {None, OK}:
            await send.document(headers, body)
            return
        await send({"type": "http.response.start", "status": self.status_code or OK, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
