"""Spans reach a collector: of requests, and of what comes of them; without one the node says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Invalid
from tests.api.nodes import Running, key, running, settings_in, until
from tests.serving import Answers, serving

pytestmark = pytest.mark.req("OBS-19", "OBS-20")

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextmanager
def collector() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """As it listens for OTLP over HTTP; what it was sent."""
    sent: list[dict[str, Any]] = []

    class Collector(Answers):
        def asked(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            sent.append(json.loads(self.body()))
            self.answer(200, b"{}")

    with serving(Collector) as port:
        yield f"http://127.0.0.1:{port}/v1/traces", sent


def spans(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        span for one in sent for of in one["resourceSpans"] for by in of["scopeSpans"] for span in by["spans"]
    ]


ASKED = {"GET /api/v1/resources/{kind}/{namespace}/{name}", "GET /health"}


def by_name(sent: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Among those of what the node does of itself."""
    return {span["name"]: span for span in spans(sent)}


def tags(told: list[dict[str, Any]]) -> dict[str, str]:
    return {one["key"]: one["value"]["stringValue"] for one in told}


async def test_a_request_is_a_span_below_its_callers() -> None:
    with collector() as (endpoint, sent):
        async with running(tracing__otlp_endpoint=endpoint) as api:
            headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-ID": "mine-1"}
            await api.public.get("/api/v1/resources/key/default/nobody", headers=headers)
            await api.public.get("/health")
            async with asyncio.timeout(60):
                while not by_name(sent).keys() >= ASKED:  # noqa: ASYNC110 - the node's own pace
                    await asyncio.sleep(0.05)
            node_id = api.node.node_id
    of_ours, other = map(by_name(sent).__getitem__, sorted(ASKED))
    assert (of_ours["traceId"], of_ours["parentSpanId"]) == (TRACE, SPAN)
    told = tags(of_ours["attributes"])
    assert (told["http.response.status_code"], told["request.id"]) == ("404", "mine-1")
    assert 0 < int(of_ours["endTimeUnixNano"]) - int(of_ours["startTimeUnixNano"]) < 60e9
    assert of_ours["status"] == {}
    assert other["parentSpanId"] == ""
    assert other["traceId"] != TRACE
    resource = tags(sent[0]["resourceSpans"][0]["resource"]["attributes"])
    assert (resource["service.name"], resource["service.instance.id"]) == ("holdfast", node_id)


async def applied(api: Running, name: str, trace: str) -> None:
    headers = {"traceparent": f"00-{trace}-{SPAN}-01", "X-Request-ID": f"of-{name}"}
    body = {"manifests": {"a.yaml": key(name)}, "set": name}
    assert (await api.socket.post("/api/v1/apply", json=body, headers=headers)).status_code == 202
    await api.ready(f"key/{name}")


async def test_what_comes_of_a_request_is_in_its_trace() -> None:
    with collector() as (endpoint, sent):
        async with running(tracing__otlp_endpoint=endpoint) as api:
            await api.ready("key/release")
            await applied(api, "traced", TRACE)

            def found(name: str) -> list[dict[str, Any]]:
                return [one for one in spans(sent) if (one["traceId"], one["name"]) == (TRACE, name)]

            await until(lambda: found("POST /api/v1/apply") and found("pass Key") and found("keys.generate"))
            told = await api.node.store.events(0, 1000)
    (request,), (of_key, *_), (make, *_) = map(found, ("POST /api/v1/apply", "pass Key", "keys.generate"))
    assert of_key["parentSpanId"] == request["spanId"]
    assert tags(of_key["attributes"]) == {
        "holdfast.kind": "Key",
        "holdfast.ref": "key/traced",
        "holdfast.outcome": "acted",
        "request.id": "of-traced",
    }
    assert make["parentSpanId"] == of_key["spanId"]
    assert (request["kind"], of_key["kind"], make["kind"]) == (2, 1, 3)
    of_it = [one for one in told if one.subject is not None and one.subject.name == "traced"]
    assert {one.name for one in of_it} >= {"reconcile.applied", "resource.ready"}
    assert {(one.trace_id, one.request_id) for one in of_it} == {(TRACE, "of-traced")}
    others = [one for one in told if one.subject is not None and one.subject.name == "release"]
    assert {one.trace_id for one in others} == {""}, "nobody has asked for it"


def test_what_no_collector_can_be_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="otlp_endpoint"):
        settings_in(tmp_path, tracing__otlp_endpoint="file:///etc/passwd")


async def test_a_collector_that_is_not_there_is_a_warning_and_no_more() -> None:
    async with running(tracing__otlp_endpoint="http://127.0.0.1:9/v1/traces") as api:
        assert (await api.public.get("/health")).status_code == 200
        await until(lambda: any("traces do not reach" in one for one in api.node.desk.daemon.warnings))
        assert (await api.public.get("/health")).json()["status"] == "degraded"
