"""Spans of requests reach a collector, below the caller's own; without one the node goes on and says so."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.api.nodes import running, until

pytestmark = pytest.mark.req("OBS-19", "OBS-20")

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextmanager
def collector() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """As it listens for OTLP over HTTP; what it was sent."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: pytest would show it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", sent
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def spans(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        span for one in sent for of in one["resourceSpans"] for by in of["scopeSpans"] for span in by["spans"]
    ]


def tags(told: list[dict[str, Any]]) -> dict[str, str]:
    return {one["key"]: one["value"]["stringValue"] for one in told}


async def test_a_request_is_a_span_below_its_callers() -> None:
    with collector() as (endpoint, sent):
        async with running(tracing__otlp_endpoint=endpoint) as api:
            headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-ID": "mine-1"}
            await api.public.get("/api/v1/resources/key/default/nobody", headers=headers)
            await api.public.get("/health")
            async with asyncio.timeout(60):
                while len(spans(sent)) < 2:  # noqa: ASYNC110 - the node's own pace
                    await asyncio.sleep(0.05)
            node_id = api.node.node_id
    of_ours, other = spans(sent)[:2]
    assert (of_ours["traceId"], of_ours["parentSpanId"]) == (TRACE, SPAN)
    assert of_ours["name"] == "GET /api/v1/resources/{kind}/{namespace}/{name}"
    told = tags(of_ours["attributes"])
    assert (told["http.response.status_code"], told["request.id"]) == ("404", "mine-1")
    assert 0 < int(of_ours["endTimeUnixNano"]) - int(of_ours["startTimeUnixNano"]) < 60e9
    assert of_ours["status"] == {}
    assert other["parentSpanId"] == ""
    assert other["traceId"] != TRACE
    resource = tags(sent[0]["resourceSpans"][0]["resource"]["attributes"])
    assert (resource["service.name"], resource["service.instance.id"]) == ("holdfast", node_id)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9/v1/traces", "file:///etc/passwd"])
async def test_a_collector_that_is_not_there_is_a_warning_and_no_more(endpoint: str) -> None:
    async with running(tracing__otlp_endpoint=endpoint) as api:
        assert (await api.public.get("/health")).status_code == 200
        await until(lambda: any("traces do not reach" in one for one in api.node.desk.daemon.warnings))
        assert (await api.public.get("/health")).json()["status"] == "degraded"
