"""Versions: one that is chosen by path or header, and what is told of a route that goes out of use."""

from __future__ import annotations

import asyncio
import os
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar, get
from litestar.params import QueryParameter

from api import accept, errors
from api.app import first
from api.cors import Cors
from api.framework import Framework
from api.gate import Gate
from api.limits import Limiter
from api.stream import Closing
from api.versions import Deprecated
from reconciler import settings as of_node
from tests.api.nodes import Running, asking, listening
from tests.api.test_errors import is_problem

GUIDE = Path("docs/how-to/use-the-api.md")
V1 = "application/vnd.holdfast.v1+json"
V9 = "application/vnd.holdfast.v9+json"


@pytest.mark.req("VER-01", "VER-02", "VER-03", "X-01", "X-02", "CORE-15")
@pytest.mark.parametrize(
    ("path", "headers", "type"),
    [
        ("/api/v1/kinds", {}, "application/json"),
        ("/api/v1/kinds", {"X-API-Version": "1"}, "application/json"),
        ("/api/v1/kinds", {"Accept": V1}, V1),
        ("/api/v1/kinds", {"Accept": f"{V9}, {V1};q=0.1"}, V1),
        ("/api/v1/kinds", {"Accept": f"{V9}, */*;q=0.1"}, "application/json"),
        ("/api/v1/kinds", {"Accept": "text/html,*/*;q=0.8"}, "application/json"),
        ("/api/v1/kinds", {"Accept": "application/json"}, "application/json"),
        ("/api/kinds", {}, "application/json"),
        ("/api/kinds", {"X-API-Version": "1"}, "application/json"),
        ("/api/kinds", {"Accept": V1, "X-API-Version": "1"}, V1),
        ("/api/kinds", {"Accept": "application/*"}, "application/json"),
    ],
)
async def test_path_and_headers_choose_one(
    api: Running, path: str, headers: dict[str, str], type: str
) -> None:
    answer = await api.public.get(path, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, type), answer.text
    assert answer.headers["x-api-version"] == "1"
    assert {"Accept", "X-API-Version"} <= set(", ".join(answer.headers.get_list("vary")).split(", "))
    assert answer.json() == (await api.public.get("/api/v1/kinds")).json()


@pytest.mark.parametrize("path", ["/health", "/health/full", "/api/v1/resources/key/default/bob"])
async def test_what_sets_its_own_status_is_answered_as_json_too(api: Running, path: str) -> None:
    asked = {"Accept": "application/json, application/problem+json"}
    answer = await api.public.get(path, headers=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("accepted", ["application/json", "application/*", V1])
async def test_every_document_is_had_as_json(api: Running, accepted: str) -> None:
    paths = ("/health", "/api/v1/daemon/health", "/api/v1/resources/key/default/bob", "/api/v1/openapi.json")
    for path in paths:
        assert (await api.public.get(path, headers={"Accept": accepted})).status_code == 200, path


@pytest.mark.req("VER-04", "ERR-22", "X-02")
@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/api/v1/kinds", {"X-API-Version": "2"}, "INVALID_FIELD"),
        ("/api/v1/kinds", {"X-API-Version": "v1"}, "INVALID_FIELD"),
        ("/api/v1/kinds", {"X-API-Version": ""}, "INVALID_FIELD"),
        ("/api/kinds", {"X-API-Version": "0"}, "INVALID_FIELD"),
        ("/api/v1/kinds", {"Accept": V9}, "NOT_ACCEPTABLE"),
        ("/api/kinds", {"Accept": V9}, "NOT_ACCEPTABLE"),
        ("/api/v1/kinds", {"Accept": "text/html"}, "NOT_ACCEPTABLE"),
        ("/api/v1/kinds", {"Accept": "application/json;q=0"}, "NOT_ACCEPTABLE"),
        ("/api/v1/events", {"Accept": "application/json"}, "NOT_ACCEPTABLE"),
        ("/api/v2/kinds", {}, "NOT_FOUND"),
    ],
)
async def test_what_disagrees_or_is_not_served_is_refused(
    api: Running, path: str, headers: dict[str, str], code: str
) -> None:
    assert is_problem(await api.public.get(path, headers=headers))["code"] == code


@get(
    "/api/v1/old",
    opt={"deprecated": Deprecated(date(2026, 1, 1), date(2026, 9, 1), "/api/v1/new")},
    sync_to_thread=False,
)
def old(fails: Annotated[bool, QueryParameter()] = False) -> dict[str, str]:
    if fails:
        raise errors.Wrong(errors.Fault("/query/fails", "fails", "as asked"))
    return {}


@pytest.fixture
async def of_old() -> AsyncIterator[httpx.AsyncClient]:
    limiter = Limiter(of_node.Limits())
    app = Framework(Litestar([old], before_request=first), limiter)
    gate = Gate(app, Cors(of_node.Cors()), limiter, as_of=lambda: 0)
    async with listening(gate, Closing()) as path, asking(path) as client:
        yield client


@pytest.mark.req("VER-05", "VER-06", "VER-08", "X-27")
async def test_what_is_deprecated_says_so_in_every_answer(of_old: httpx.AsyncClient) -> None:
    for query in ("", "?fails=true"):
        told = (await of_old.get(f"/api/v1/old{query}")).headers
        assert told["deprecation"] == "true"
        assert told["sunset"] == "Tue, 01 Sep 2026 00:00:00 GMT"
        assert told["link"] == '</api/v1/new>; rel="successor-version"'


@pytest.mark.req("VER-06", "X-27")
def test_what_is_deprecated_stays_for_half_a_year() -> None:
    with pytest.raises(ValueError, match="182 days"):
        Deprecated(date(2026, 1, 1), date(2026, 6, 1), "/api/v1/new")


async def test_what_is_in_use_is_not_said_to_be_deprecated(api: Running) -> None:
    assert "deprecation" not in (await api.public.get("/api/v1/kinds")).headers


@pytest.mark.req("VER-07")
@pytest.mark.needs("curl")
async def test_the_guide_s_way_to_another_version_can_be_gone(api: Running) -> None:
    commands = re.findall(r"^ +\$ (curl .+)$", GUIDE.read_text(), re.MULTILINE)
    environ = {**os.environ, "HOLDFAST": str(api.public.base_url).rstrip("/")}

    async def said(command: str) -> str:
        process = await asyncio.create_subprocess_exec("sh", "-c", command, stdout=PIPE, env=environ)
        return (await process.communicate())[0].decode()

    assert [await said(commands[0]), len(commands)] == ["", 2], "all is in use"
    assert "/header/X-API-Version" in await said(commands[1])


@given(st.text(), st.lists(st.sampled_from(["a/b", "a/c", "x/y", "gzip"]), min_size=1))
def test_any_text_is_an_accept_header(header: str, offers: list[str]) -> None:
    assert all(0 <= weight <= 1 for weight in accept.ranges(header).values())
    assert accept.best(header, offers) in {None, *offers}


@pytest.mark.parametrize(
    ("header", "liked"),
    [
        ("", "a/b"), ("*/*", "a/b"), ("a/c", "a/c"), ("a/b;q=0.1, a/c;q=0.2", "a/c"), ("a/*", "a/b"),
        ("a/b;q=0, */*", "a/c"), ("a/b;q=nan", None), ("x/y", None), ("A/C; Q=1", "a/c"), ("a/b;v=1", "a/b"),
        (",;,", "a/b"), ("a/c;q=2, a/b;q=x", "a/c"),
    ],
)  # fmt: skip
def test_the_offer_that_is_liked_most(header: str, liked: str | None) -> None:
    assert accept.best(header, ["a/b", "a/c"]) == liked


@given(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_header_brings_it_down(api: Running, version: str, accepted: str) -> None:
    headers = {"X-API-Version": version.strip(), "Accept": accepted.strip()}
    assert (await api.socket.get("/api/kinds", headers=headers)).status_code in {200, 400, 406}
