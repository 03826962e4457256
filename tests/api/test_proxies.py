"""What a proxy says of its caller is believed only of one that is trusted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.proxies import Proxies
from tests.api.nodes import Running, running
from tests.api.test_errors import is_problem

FORGED = {
    "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost",
    "X-Forwarded-Port": "1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1;host=localhost",
    "X-Forwarded-Prefix": "/x", "X-Original-URL": "/shutdown", "X-HTTP-Method-Override": "DELETE",
}  # fmt: skip


async def seen(trusted: list[str], client: str, *headers: tuple[str, str]) -> dict[str, Any]:
    """What arrives behind the proxies."""
    found: dict[str, Any] = {}

    async def inner(scope: Any, receive: object, send: object) -> None:  # noqa: ANN401
        found.update(scope)

    given_headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    scope = {"type": "http", "client": (client, 1), "scheme": "http", "headers": given_headers, "state": {}}
    await Proxies(inner, trusted)(scope, None, None)  # type: ignore[arg-type]
    return found


async def test_forged_headers_of_anybody_change_nothing(api: Running) -> None:
    for path in ("/api/v1/resources?per_page=1", "/nope", "/api/v1/kinds"):
        plain = await api.public.get(path)
        forged = await api.public.get(path, headers=FORGED)
        assert forged.status_code == plain.status_code
        changing = {"timestamp", "request_id", "last_pass_age_s"}
        assert _without(forged.json(), changing) == _without(plain.json(), changing)
    elsewhere = {**FORGED, "Host": "evil.example"}
    assert is_problem(await api.public.get("/health", headers=elsewhere))["code"] == "FORBIDDEN"
    refused = await api.public.post("/api/v1/reconcile", headers=FORGED)
    assert is_problem(refused)["code"] == "FORBIDDEN"


async def test_through_a_trusted_proxy_it_is_known_by_any_name() -> None:
    async with running(api__trusted_proxies="127.0.0.0/8, ::1") as api:
        answer = await api.public.get("/health", headers={"Host": "node.example"})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("header", "caller"),
    [
        ("203.0.113.7", "203.0.113.7"), ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.1.1", "203.0.113.7"), ("10.1.1.1", "10.1.1.1"), ("", "10.0.0.1"),
        ("nonsense", "10.0.0.1"), ("203.0.113.7, nonsense", "10.0.0.1"), ("2001:db8::1", "2001:db8::1"),
    ],
)  # fmt: skip
async def test_the_caller_is_the_first_who_is_no_trusted_proxy(header: str, caller: str) -> None:
    asked = (("x-forwarded-for", header), ("x-forwarded-proto", "https"))
    told = await seen(["10.0.0.0/8"], "10.0.0.1", *asked)
    assert (told["client"][0], told["scheme"]) == (caller, "https")
    untrusted = await seen(["10.0.0.0/8"], "11.0.0.1", *asked)
    assert (untrusted["client"], untrusted["scheme"], untrusted["state"]) == (("11.0.0.1", 1), "http", {})


@given(st.text(), st.text())
async def test_any_text_is_forwarded(for_whom: str, scheme: str) -> None:
    told = await seen(["10.0.0.1"], "10.0.0.1", ("x-forwarded-for", for_whom), ("x-forwarded-proto", scheme))
    assert told["scheme"] in {"http", "https"}


def _without(told: Any, names: set[str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(told, dict):
        return {name: _without(value, names) for name, value in told.items() if name not in names}
    return [_without(value, names) for value in told] if isinstance(told, list) else told
