"""`/metrics` is what Prometheus reads: whole, and true."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from tests.api.nodes import Running, running, until

HEAD = re.compile(r"# (HELP|TYPE) ([a-z_]+) (.+)")
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)+)\})? (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\n"])*)"')
SUFFIXES = ("_bucket", "_sum", "_count")
SERVICE = """\
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: web}
spec: {command: [sleep, "1000"]}
"""

Figures = dict[str, dict[frozenset[tuple[str, str]], float]]


def read(text: str) -> Figures:
    """As strictly as the format is written down: heads before samples, no series twice, buckets that grow."""
    types: dict[str, str] = {}
    found: Figures = defaultdict(dict)
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("#"):
            head = HEAD.fullmatch(line)
            assert head, line
            if head[1] == "TYPE":
                assert head[2] not in types, f"{head[2]} twice"
                types[head[2]] = head[3]
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        name = sample[1]
        family = next((name.removesuffix(end) for end in SUFFIXES if name.removesuffix(end) in types), name)
        assert list(types)[-1] == family, f"{line} stands outside of its family"
        labels = frozenset(LABEL.findall(sample[2] or ""))
        assert labels not in found[name], line
        found[name][labels] = float(sample[3])
    return found


async def figures(api: Running) -> Figures:
    answer = await api.public.get("/metrics", headers={"Accept": "text/plain;version=0.0.4;q=0.5"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(answer.text)


def value(found: Figures, series: str, /, **labels: str) -> float:
    return sum(number for of, number in found[series].items() if labels.items() <= dict(of).items())


@pytest.mark.req("OBS-04", "OBS-12", "X-30")
async def test_each_route_is_counted_with_what_it_answered(api: Running) -> None:
    for path in ("/api/v1/status", "/api/v1/status", "/api/v1/resources/key/default/nobody", "/x/1", "/x/2"):
        await api.public.get(path)
    await api.public.request("GET", "/health", headers={"Host": "elsewhere.example"})
    found = await figures(api)
    count = "holdfast_http_request_duration_seconds_count"
    assert value(found, count, route="/api/v1/status", status="200", method="GET") == 2
    assert value(found, count, route="/api/v1/resources/{kind}/{namespace}/{name}", status="404") == 1
    assert value(found, count, route="none", status="404") == 2, "strangers' paths make no series"
    assert value(found, count, route="none", status="403") == 1, "what is refused at the gate counts too"
    bucket = "holdfast_http_request_duration_seconds_bucket"
    assert value(found, bucket, route="/api/v1/status", le="+Inf") == 2


@pytest.mark.req("OBS-04")
async def test_a_stream_is_no_slow_answer(api: Running) -> None:
    async with api.socket.stream("GET", "/api/v1/events", params={"last_event_id": "0"}) as live:
        lines = live.aiter_lines()
        while not (await anext(lines)).startswith("data: "):
            pass
        found = await figures(api)
        assert value(found, "holdfast_event_readers") == 1
        assert value(found, "holdfast_event_lag") >= 0
    count = "holdfast_http_request_duration_seconds_count"

    async def ended() -> float:
        return value(await figures(api), count, route="/api/v1/events", status="200")

    while not await ended():
        pass
    total = "holdfast_http_request_duration_seconds_sum"
    assert value(await figures(api), total, route="/api/v1/events") < 15, "it ran for no heartbeat"
    await until(lambda: not api.node.store.lags())


@pytest.mark.req("OBS-04", "OBS-13")
async def test_what_the_engine_its_drivers_its_sources_and_its_store_do_is_counted(api: Running) -> None:
    found = await figures(api)
    passes = "holdfast_reconcile_pass_duration_seconds_count"
    assert value(found, passes, kind="Key", outcome="acted") == 3
    assert value(found, passes, kind="Key", outcome="failed") == 0
    assert value(found, "holdfast_driver_call_duration_seconds_count", driver="keys", call="generate") == 3
    assert value(found, "holdfast_resources", kind="Key", state="ready") == 3
    assert value(found, "holdfast_state", state="running") == 1
    assert value(found, "holdfast_reconcile_queue_depth") == 0
    assert value(found, "holdfast_reconcile_workers") == api.node.settings.reconcile.workers
    assert value(found, "holdfast_store_commit_duration_seconds_count", outcome="ok") > 0
    assert value(found, "holdfast_store_size_bytes", file="main") > 0
    assert value(found, "holdfast_events_total") == (await api.node.store.event_ids())[1]
    assert value(found, "holdfast_source_failing", source="root") == 0
    (api.source / "all.yaml").write_text("apiVersion: holdfast.dev/v1\nkind: Kye\n")
    await until(lambda: api.node.desk.daemon.state == "degraded")
    found = await figures(api)
    assert value(found, "holdfast_source_manifest_errors", source="root") == 1
    assert value(found, "holdfast_problems") == 1
    assert value(found, "holdfast_state", state="degraded") == 1


@pytest.mark.req("OBS-15")
async def test_what_services_use_is_told_as_it_was_measured_last() -> None:
    async with running(SERVICE) as api:
        await api.ready("service/web")
        while not value(found := await figures(api), "holdfast_service_memory_bytes", name="web"):
            await api.public.get("/api/v1/metrics/services")
        assert value(found, "holdfast_service_processes", name="web") == 1
        api.node.ends_services = True


async def test_a_node_that_has_done_nothing_yet_tells_that() -> None:
    async with running() as api:
        assert value(await figures(api), "holdfast_info") == 1
