"""`/health` is green only while the node is well: its engine at work, its store written, its sources read."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.runtime.clock import SystemClock
from tests.api.nodes import Running, api_key, running, secret

pytestmark = pytest.mark.req("OBS-01", "DMN-04")

SECRET, OTHER = secret("h"), secret("o")


class Ahead(SystemClock):
    """The real one, some seconds later."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


async def health(api: Running) -> tuple[int, str, str]:
    answer = await api.public.get("/health")
    told = answer.json()
    return answer.status_code, told["status"], "; ".join(told["problems"])


async def end_engine() -> None:
    """And whatever it was at: a pass that ends later would be one that was made."""
    (engine,) = (task for task in asyncio.all_tasks() if task.get_name() == "engine")
    engine.cancel()
    await asyncio.wait({engine})


async def until_status(api: Running, wanted: str) -> None:
    """The sources and the heartbeat have a pace of their own."""
    async with asyncio.timeout(60):
        while (await health(api))[1] != wanted:  # noqa: ASYNC110 - another task's work
            await asyncio.sleep(0.02)


async def test_a_node_that_is_well_has_no_problems(api: Running) -> None:
    assert await health(api) == (200, "running", "")


async def test_it_is_not_green_when_the_engine_is_dead() -> None:
    clock = Ahead()
    async with running(clock=clock) as api:
        await api.ready("key/release")
        await end_engine()
        assert (await health(api))[:2] == (200, "running"), "it may be only idle"
        clock.ahead = 100.0
        code, status, problems = await health(api)
        assert (code, status) == (503, "stalled")
        assert "the engine does not work: no pass for 1" in problems
        assert "restart the node" in problems
        for client, path in ((api.internal, "/status"), (api.public, "/api/v1/status")):
            told = (await client.get(path)).json()
            assert told["status"] == "stalled"
            assert told["last_pass_age_s"] >= 100


@pytest.mark.req("CLI-07")
async def test_a_person_sees_that_the_engine_is_dead() -> None:
    """The command asks the node, which is there, instead of taking it for gone."""
    clock = Ahead()
    async with running(clock=clock) as api:
        await api.ready("key/release")
        await end_engine()
        clock.ahead = 100.0
        command = [str(Path(sys.executable).with_name("holdfast")), "status", "--data"]
        asked = await asyncio.create_subprocess_exec(
            *command, str(api.node.settings.data), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await asked.communicate()
        assert asked.returncode == 0
        assert b" stalled, up for" in said
        assert b"! the engine does not work" in said


async def test_a_node_that_never_began_to_work_is_not_green_either() -> None:
    clock = Ahead()
    async with running(clock=clock) as api:
        await end_engine()
        api.node.engine.last_pass = None
        clock.ahead = 100.0
        assert (await health(api))[:2] == (503, "stalled")


async def test_it_is_not_green_while_the_store_takes_no_writes_and_goes_on_when_it_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Ahead()
    async with running(clock=clock) as api, asyncio.timeout(240):
        await api.ready("key/release")
        with closing(sqlite3.connect(api.node.settings.store, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            clock.ahead = 70.0
            code, status, problems = await health(api)
            assert (code, status) == (200, "degraded")
            assert "nothing was written for too long" in problems
            assert str(api.node.settings.store) in problems
            async with asyncio.timeout(60):
                while "the heartbeat is not written" not in caplog.text:  # noqa: ASYNC110 - the node's own pace
                    await asyncio.sleep(0.05)
            other.execute("ROLLBACK")
        await until_status(api, "running")


async def test_it_is_not_green_while_a_source_cannot_be_read(api: Running) -> None:
    manifest = api.source / "all.yaml"
    good = manifest.read_text()

    async def until_told(reason: str) -> str:
        async with asyncio.timeout(60):
            while reason not in (told := (await health(api))[2]):  # noqa: ASYNC110 - the source's own pace
                await asyncio.sleep(0.01)
        return told

    manifest.write_text("kind: [")
    told = await until_told("source root: ")
    assert "`holdfast source show root` says more" in told
    assert (await health(api))[1] == "degraded"
    manifest.write_text(good)
    await until_status(api, "running")
    (api.source / "broken.yaml").write_text("apiVersion: holdfast.dev/v1\nkind: Kye\n")
    await until_told("source root: 1 error in its manifests; `holdfast source show root` says more")
    (api.source / "broken.yaml").unlink()
    await until_status(api, "running")
    manifest.unlink()
    api.source.rmdir()
    await until_told("source root: ")
    api.source.mkdir()
    manifest.write_text(good)
    await until_status(api, "running")


FULL = ("/health/full", "/api/v1/system/health")


@pytest.mark.req("OBS-02", "OBS-03", "OBS-06", "OBS-08", "OBS-09", "TST-29", "X-20", "CORE-25")
@pytest.mark.parametrize("path", FULL)
async def test_each_part_is_asked_and_says_how_it_does(api: Running, path: str) -> None:
    answer = await api.public.get(path)
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "running")
    assert told["parts"].keys() == {"engine", "store", "keeper", "node", "source/root", "source/inbox"}
    assert {part["status"] for part in told["parts"].values()} == {"ok"}
    assert told["parts"]["store"]["latency_ms"] > 0
    assert told["revisions"]["root"] == api.node.desk.source("root")["revision"] != ""


@pytest.mark.req("X-20", "OBS-03")
async def test_where_everybody_needs_a_key_who_has_none_is_told_the_short_form() -> None:
    found = api_key("watch", SECRET, "read") + "---\n" + api_key("other", OTHER, '"dht:read"')
    async with running(found, api__require_auth=True) as api:
        await api.ready("apikey/watch", "apikey/other")
        for client in (api.public, api.internal):
            short, open_to_all = await client.get("/health/full"), await client.get("/health")
            assert (short.status_code, short.json().keys()) == (200, open_to_all.json().keys())
            told = await client.get("/health/full", headers={"X-API-Key": SECRET})
            assert told.json()["parts"]["engine"]["status"] == "ok"
            for wrong, status in ((OTHER, 403), (secret("x"), 401)):
                answer = await client.get("/health/full", headers={"X-API-Key": wrong})
                assert (answer.status_code, "parts" in answer.json()) == (status, False)
        assert (await api.public.get("/api/v1/system/health")).status_code == 401


@pytest.mark.req("X-20")
async def test_beyond_this_machine_there_is_no_short_form() -> None:
    async with running(api__require_auth=True, api__trusted_proxies="127.0.0.0/8") as api:
        found = [
            (await api.public.get("/health/full", headers={"X-Forwarded-For": caller})).status_code
            for caller in ("127.0.0.1", "203.0.113.7")
        ]
        assert found == [200, 401]


@pytest.mark.req("OBS-03", "OBS-09", "TST-29")
@pytest.mark.parametrize("path", FULL)
async def test_a_dead_engine_is_the_part_that_fails(path: str) -> None:
    clock = Ahead()
    async with running(clock=clock) as api:
        await api.ready("key/release")
        (engine,) = (task for task in asyncio.all_tasks() if task.get_name() == "engine")
        engine.cancel()
        clock.ahead = 100.0
        answer = await api.public.get(path)
        told = answer.json()
        assert (answer.status_code, told["status"]) == (503, "stalled")
        assert told["parts"]["engine"]["status"] == "failed"
        assert "no pass for 1" in told["parts"]["engine"]["message"]


@pytest.mark.req("OBS-03", "OBS-10", "TST-29")
async def test_an_engine_that_is_behind_and_a_store_that_is_not_written_are_named() -> None:
    """It looks at things, but what is due waits for long."""
    clock = Ahead()
    async with running(clock=clock) as api:
        await api.ready("key/release")
        (engine,) = (task for task in asyncio.all_tasks() if task.get_name() == "engine")
        engine.cancel()
        await asyncio.wait({engine})
        clock.ahead = 150.0
        api.node.engine.last_pass = clock.monotonic()
        told = (await api.public.get("/health/full")).json()
        assert told["status"] == "degraded"
        assert "the engine is behind: " in told["parts"]["engine"]["message"]
        assert told["parts"]["engine"]["status"] == "degraded"
        assert told["parts"]["engine"]["latency_ms"] > 60_000
        assert "nothing was written for too long" in told["parts"]["store"]["message"]


@pytest.mark.req("OBS-03", "OBS-10", "OBS-31", "EVT-07")
async def test_a_change_of_the_health_is_named_and_an_event() -> None:
    async with running() as api:
        await api.ready("key/release")
        await api.judged()
        good = (api.source / "all.yaml").read_text()
        (api.source / "all.yaml").write_text("apiVersion: holdfast.dev/v1\nkind: Kye\n")
        await until_status(api, "degraded")
        part = (await api.public.get("/health/full")).json()["parts"]["source/root"]
        assert part["status"] == "degraded"
        assert part["message"]

        async def changed(number: int) -> list[dict[str, str]]:
            asked = {"type": "health.changed", "limit": "10"}
            async with asyncio.timeout(60):
                while True:
                    told = (await api.public.get("/api/v1/events/history", params=asked)).json()["data"]
                    if len(told) == number:
                        return [event["data"] for event in told]
                    await asyncio.sleep(0.1)

        (worse,) = await changed(1)
        assert (worse["from"], worse["state"]) == ("running", "degraded")
        assert "source root" in worse["problems"][0]
        (api.source / "all.yaml").write_text(good)
        assert (await changed(2))[1]["state"] == "running"


@pytest.mark.req("OBS-06")
async def test_what_the_machine_has_and_the_node_takes(api: Running) -> None:
    told = (await api.public.get("/api/v1/system/metrics")).json()
    machine = told["machine"]
    assert machine["processors"] >= 1
    assert 0 < machine["memory_available_bytes"] <= machine["memory_bytes"]
    assert 0 < machine["disk_free_bytes"] <= machine["disk_bytes"]
    assert 0 < told["process"]["memory_bytes"] < machine["memory_bytes"]
    assert told["resources"]["Key"] == {"ready": 3, "not_ready": 0, "stalled": 0}
