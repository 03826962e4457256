"""`/api/v1/metrics/performance` tells what took time, and `…/optimizations` what would spare it."""

from __future__ import annotations

import pytest

from reconciler.runtime.performance import FEW_READS
from tests.api.nodes import Running

pytestmark = pytest.mark.req("OBS-16")

STATUS = "/api/v1/status"


async def test_each_request_is_tracked_by_its_route(api: Running) -> None:
    tag = (await api.public.get(STATUS)).headers["etag"]
    assert (await api.public.get(STATUS, headers={"If-None-Match": tag})).status_code == 304
    await api.public.get("/api/v1/resources/key/default/nobody")
    told = (await api.public.get("/api/v1/metrics/performance")).json()
    routes = {(one["method"], one["route"]): one for one in told["requests"]}
    status = routes["GET", STATUS]
    assert (status["count"], status["unchanged"], status["errors"]) == (2, 1, 0)
    assert 0 < status["p50_ms"] <= status["p95_ms"] <= status["p99_ms"]
    assert routes["GET", "/api/v1/resources/{kind}/{namespace}/{name}"]["refused"] == 1
    assert told["uptime_s"] > 0


@pytest.mark.req("CORE-32", "TST-09")
async def test_each_query_of_the_store_is_timed(api: Running) -> None:
    await api.public.get("/api/v1/events/history")
    await api.public.get("/api/v1/resources/key/default/release/plans")
    told = (await api.public.get("/api/v1/metrics/performance")).json()
    queries = {one["query"]: one for one in told["queries"]}
    assert {"page of events", "ids of events", "plans", "commit"} <= queries.keys()
    assert queries["commit"]["count"] > 0
    assert queries["commit"]["mean_ms"] > 0
    assert {one["failed"] for one in queries.values()} == {0}


async def test_a_suggestion_says_what_to_do(api: Running) -> None:
    for _ in range(FEW_READS):
        await api.public.get("/health")  # which is asked for its figures of the moment
        await api.public.get(STATUS)
    told = (await api.public.get("/api/v1/metrics/optimizations")).json()
    (found,) = (one for one in told["suggestions"] if one["rule"] == "low-cache-hit-rate")
    assert (found["subject"], found["figure"], found["bound"]) == (f"GET {STATUS}", 0.0, 0.2)
    assert "`If-None-Match`" in found["remedy"]
