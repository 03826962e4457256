"""Web pages: those of an allowed origin may ask, those of others write nothing and read nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.nodes import Running, api_key, key, running, secret
from tests.api.test_errors import is_problem

pytestmark = pytest.mark.req("AUTH-31")

ALLOWED = "http://localhost:3000"
FOREIGN = (
    "https://evil.example",
    "null",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://localhost",
)


@pytest.fixture
async def open_api() -> AsyncIterator[Running]:
    """A node that takes writes over TCP."""
    async with running(api_key("admin", secret("a"), "admin"), api__writes=True) as found:
        await found.ready("apikey/admin")
        yield found


def shown_to(answer: httpx.Response) -> str:
    return str(answer.headers.get("access-control-allow-origin", ""))


@pytest.mark.req("X-03", "X-19")
async def test_a_page_of_an_allowed_origin_may_read_and_write(open_api: Running) -> None:
    asked = {"Origin": ALLOWED, "Access-Control-Request-Method": "POST"}
    before = await open_api.public.options("/api/v1/apply", headers=asked)
    assert (before.status_code, shown_to(before)) == (204, ALLOWED)
    assert "PATCH" in before.headers["access-control-allow-methods"].split(", ")
    assert "X-API-Key" in before.headers["access-control-allow-headers"].split(", ")
    headers = {"Origin": ALLOWED, "Content-Type": "application/yaml", "X-API-Key": secret("a")}
    written = await open_api.public.post("/api/v1/apply", content=key("carol"), headers=headers)
    assert (written.status_code, shown_to(written)) == (202, ALLOWED)
    assert "Origin" in written.headers["vary"]
    refused = await open_api.public.get("/nope", headers=headers)
    assert (refused.status_code, shown_to(refused)) == (404, ALLOWED), "it may read what went wrong, too"
    assert "access-control-allow-credentials" not in written.headers


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_page_from_elsewhere_is_shown_nothing_and_writes_nothing(
    open_api: Running, origin: str
) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert not shown_to(await open_api.public.options("/api/v1/reconcile", headers=asked))
    assert not shown_to(await open_api.public.get("/api/v1/status", headers={"Origin": origin}))
    for path in ("/api/v1/reconcile", "/api/v1/daemon/shutdown"):  # what a browser sends without asking first
        headers = {"Origin": origin, "Content-Type": "text/plain"}
        told = is_problem(await open_api.public.post(path, headers=headers))
        assert (told["code"], origin in str(told["detail"])) == ("FORBIDDEN", True)
    assert not open_api.node.stopping.is_set()


async def test_a_page_of_the_node_itself_may_ask(open_api: Running) -> None:
    own = str(open_api.public.base_url).rstrip("/")
    headers = {"Origin": own, "X-API-Key": secret("a")}
    assert (await open_api.public.post("/api/v1/reconcile", headers=headers)).status_code == 202


async def test_what_the_settings_say_of_origins_and_methods() -> None:
    origins = "https://a.example, https://b.example"
    async with running(
        api__writes=True,
        cors__allowed_origins=origins,
        cors__allowed_methods=["GET"],
        cors__allow_credentials=True,
    ) as api:
        seen = await api.public.get("/health", headers={"Origin": "https://b.example"})
        assert shown_to(seen) == "https://b.example"
        assert seen.headers["access-control-allow-credentials"] == "true"
        told = await api.public.post("/api/v1/reconcile", headers={"Origin": "https://a.example"})
        assert "cors.allowed_methods" in str(is_problem(told)["remedy"])
    async with running(cors__enabled=False) as api:
        assert not shown_to(await api.public.get("/health", headers={"Origin": ALLOWED}))


@pytest.mark.req("AUTH-32")
async def test_every_answer_carries_the_security_headers(api: Running) -> None:
    for path in ("/health", "/api/v1/resources", "/nope", "/api/v1/events/history?cursor=x"):
        headers = (await api.public.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
