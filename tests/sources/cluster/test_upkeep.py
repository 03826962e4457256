"""What is written back to custom resources: what is due, once, and over nobody's head."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from reconciler.model import Condition, Ref, Status
from reconciler.runtime.clock import SystemClock
from reconciler.sources.cluster.client import Client
from reconciler.sources.cluster.mirror import Mirror
from reconciler.sources.cluster.objects import CustomResource, read
from reconciler.sources.cluster.standing import Standing
from reconciler.sources.cluster.upkeep import Upkeep
from tests.sources.cluster.apiserver import Cluster, custom

pytestmark = [pytest.mark.needs("etcd", "kube-apiserver", "openssl"), pytest.mark.req("CORE-07", "TST-47")]
CLOCK = SystemClock()
READY = Status((Condition("Ready", True, "Converged", "", CLOCK.now()),), 1, 1, "r")


class Bench:
    """One custom resource, the upkeep of it, and what the node would know of it."""

    def __init__(self, client: Client, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.name = f"{namespace}/keys/release"
        self.mirror = Mirror(["part"])
        self.stands = Standing(READY, generation=1)
        self.upkeep = Upkeep(client, self.mirror, self, CLOCK)
        cluster.apply(custom("Key", namespace, "release", role="creator", generate=True))
        self.see()

    def standing(self, one: CustomResource) -> Standing:
        return self.stands

    def mark(self, one: CustomResource) -> object:
        return self.stands

    def see(self) -> CustomResource:
        """Bring the mirror up to date."""
        raw = self.cluster.get(self.name)
        assert raw is not None
        one = read("Key", raw)
        self.mirror.put("part", one)
        return one


@pytest.fixture
def bench(client: Client, cluster: Cluster, namespace: str) -> Bench:
    return Bench(client, cluster, namespace)


async def test_the_finalizer_comes_first_and_then_the_status_once(bench: Bench) -> None:
    await bench.upkeep.look()
    assert bench.see().held
    assert not bench.see().status, "nothing is told before nothing can be lost"
    await bench.upkeep.look()
    told = bench.see()
    assert told.status["conditions"][0]["reason"] == "Converged"
    await bench.upkeep.look()
    assert bench.see().version == told.version, "what is so already is not written"


async def test_the_finalizer_is_lifted_when_nothing_is_left_and_others_are_left_alone(bench: Bench) -> None:
    await bench.upkeep.look()
    held = bench.see()
    bench.cluster.patch(bench.name, {"metadata": {"finalizers": [*held.finalizers, "example.com/other"]}})
    bench.cluster.delete(bench.name)
    assert bench.see().terminating
    await bench.upkeep.look()
    assert bench.see().held
    bench.stands = replace(bench.stands, gone=True)
    await bench.upkeep.look()
    assert bench.see().finalizers == ("example.com/other",)
    version = bench.see().version
    await bench.upkeep.look()
    assert bench.see().version == version
    bench.cluster.patch(bench.name, {"metadata": {"finalizers": None}})
    assert bench.cluster.get(bench.name) is None


async def test_what_others_wrote_meanwhile_is_not_overwritten(bench: Bench) -> None:
    bench.cluster.patch(bench.name, {"metadata": {"finalizers": ["example.com/other"]}})
    await bench.upkeep.look()  # by a mirror that is behind: a conflict
    assert bench.see().finalizers == ("example.com/other",)
    await bench.upkeep.look()
    assert set(bench.see().finalizers) == {"example.com/other", "holdfast.dev/removed"}
    bench.cluster.patch(bench.name, {"metadata": {"finalizers": None}})


async def test_what_is_gone_or_refused_disturbs_nothing(
    bench: Bench, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.upkeep.look()
    one = bench.see()
    ghost = replace(one, ref=Ref("Key", one.ref.namespace, "ghost"), status={})
    foreign = replace(one, ref=Ref("Nothing", one.ref.namespace, "x"), status={})
    bench.mirror.put("part", ghost)
    bench.mirror.put("part", foreign)
    await bench.upkeep.look()
    assert bench.see().status["conditions"][0]["reason"] == "Converged"
    assert "nothing/" in caplog.text
    assert "ghost" not in caplog.text
    caplog.clear()
    await bench.upkeep.look()
    assert not caplog.text, "what was refused waits"


async def test_it_looks_again_when_something_has_happened(bench: Bench) -> None:
    running = asyncio.create_task(bench.upkeep.run())
    await told(bench, "Converged")
    moved = Condition("Ready", False, "Starting", "", CLOCK.now())
    bench.stands = Standing(replace(READY, conditions=(moved,)), generation=1)
    await told(bench, "Starting")
    running.cancel()
    await asyncio.wait({running})


async def told(bench: Bench, reason: str) -> None:
    async with asyncio.timeout(60):
        while bench.see().status.get("conditions", [{"reason": ""}])[0]["reason"] != reason:  # noqa: ASYNC110 - it is the server that is asked
            await asyncio.sleep(0.05)
