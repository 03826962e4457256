"""What an answer leaves by: whatever is begun, one answer is told."""

from __future__ import annotations

from typing import Any

import pytest

from api.limits import Limiter
from api.outgoing import Outgoing
from reconciler.settings import Limits

JSON = [(b"content-type", b"application/json")]
PROBLEM = [(b"content-type", b"application/problem+json")]


@pytest.mark.req("ERR-01")
async def test_what_goes_wrong_before_a_document_has_its_body_is_told_instead_of_it() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's message
        sent.append(message)

    scope: Any = {"method": "GET", "state": {"headers": {}}}
    going = Outgoing(send, scope, Limiter(Limits()))
    await going({"type": "http.response.start", "status": 200, "headers": JSON})
    assert not going.started
    await going({"type": "http.response.start", "status": 500, "headers": PROBLEM})
    await going({"type": "http.response.body", "body": b"{}", "more_body": False})
    assert [one.get("status", one.get("body")) for one in sent] == [500, b"{}"]
