"""The custom resources as revisions: what counts, what is wrong, what was deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import NotFound, Unavailable
from reconciler.model import Ref
from reconciler.runtime.clock import SystemClock
from reconciler.runtime.plugins import find_kinds
from reconciler.sources.cluster.feed import ClusterFeed
from reconciler.sources.cluster.mirror import Mirror
from reconciler.sources.cluster.objects import FINALIZER, CustomResource, read

pytestmark = pytest.mark.req("CORE-07")
KINDS = find_kinds()


def key(name: str, role: str = "creator", *, version: int = 1) -> CustomResource:
    metadata = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": str(version)}
    spec = {"role": role, "generate": True}
    return read(
        "Key", {"metadata": {**metadata, "generation": version, "finalizers": [FINALIZER]}, "spec": spec}
    )


class Bench:
    def __init__(self, scratch: Path, kept: Mapping[str, bytes] | None = None) -> None:
        self.mirror = Mirror(["part"])
        self.asked: list[str] = []
        self.kept = kept

        async def recall(revision: str) -> Mapping[str, bytes]:
            self.asked.append(revision)
            if self.kept is None:
                raise NotFound("not kept")
            return self.kept

        self.feed = ClusterFeed(self.mirror, KINDS, recall, SystemClock(), scratch)

    async def declared(self, applied: str = "") -> dict[str, str]:
        """Each name with its role."""
        fetched = await self.feed.latest(applied)
        documents = [json.loads(fetched.tree.read(path)) for path in fetched.paths]
        return {one["metadata"]["name"]: one["spec"]["role"] for one in documents}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_nothing_is_declared_before_all_was_listed(bench: Bench) -> None:
    with pytest.raises(Unavailable):
        await bench.feed.latest()
    bench.mirror.replace("part", [])
    assert await bench.declared() == {}


async def test_what_could_vanish_unseen_is_not_taken_in(bench: Bench) -> None:
    bench.mirror.replace("part", [key("held"), replace(key("free"), finalizers=())])
    assert await bench.declared() == {"held": "creator"}


async def test_what_was_deleted_is_declared_no_more_and_named(bench: Bench) -> None:
    bench.mirror.replace("part", [key("stays"), replace(key("goes"), terminating=True)])
    fetched = await bench.feed.latest()
    assert [*fetched.paths] == ["shop/key/stays.yaml"]
    assert fetched.deleted == {Ref("Key", "shop", "goes")}
    assert not fetched.allow_prune
    bench.mirror.put("part", replace(key("goes"), terminating=True, allows_prune=True))
    assert (await bench.feed.latest()).allow_prune


async def test_one_that_is_wrong_keeps_its_last_good_version_and_says_what_is_wrong(bench: Bench) -> None:
    bench.mirror.replace("part", [key("one"), key("other")])
    good = (await bench.feed.latest()).revision
    bench.mirror.put("part", key("one", "no role", version=2))
    assert await bench.declared() == {"one": "creator", "other": "creator"}
    assert "spec.role" in bench.feed.wrong[Ref("Key", "shop", "one")]
    assert (await bench.feed.latest()).revision == good
    assert bench.feed.generation(good, Ref("Key", "shop", "one")) is None, "its present one is not in force"
    bench.mirror.put("part", key("one", "maintainer", version=3))
    assert await bench.declared() == {"one": "maintainer", "other": "creator"}
    assert not bench.feed.wrong


async def test_the_last_good_version_outlives_the_process(tmp_path: Path) -> None:
    one = key("one")
    bench = Bench(tmp_path, {one.path: one.text})
    bench.mirror.replace("part", [key("one", "no role", version=2), key("new", "no role")])
    assert await bench.declared("before") == {"one": "creator"}
    assert bench.asked == ["before"]
    await bench.declared("before")
    assert bench.asked == ["before"], "it is asked for once"


async def test_what_was_not_kept_is_nothing_to_go_on_from(bench: Bench) -> None:
    bench.mirror.replace("part", [key("one", "no role")])
    assert await bench.declared("lost") == {}
    with pytest.raises(NotFound, match="keeps no past"):
        await bench.feed.at("lost")


async def test_it_knows_the_generations_of_the_revisions_that_count(bench: Bench) -> None:
    ref = Ref("Key", "shop", "one")
    bench.mirror.replace("part", [key("one", version=4)])
    first = (await bench.feed.latest()).revision
    bench.mirror.put("part", key("one", version=5))
    same = (await bench.feed.latest()).revision
    assert (same, bench.feed.generation(first, ref)) == (first, 5), "the same wish again is the present one"
    bench.mirror.put("part", key("one", "maintainer", version=6))
    last = (await bench.feed.latest()).revision
    assert [bench.feed.generation(one, ref) for one in (first, last)] == [5, 6]
    await bench.feed.collect({last})
    assert [bench.feed.generation(one, ref) for one in (first, last)] == [None, 6]
    await bench.feed.close()


async def test_news_wake_it_and_so_does_a_person(bench: Bench) -> None:
    bench.mirror.replace("part", [])
    await asyncio.wait_for(bench.feed.changed(), 60)
    await bench.feed.latest()
    waiting = asyncio.create_task(bench.feed.changed())
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    bench.feed.poke()
    await asyncio.wait_for(waiting, 60)
    await bench.feed.latest()
    bench.mirror.trouble("part", "it is away")
    bench.mirror.trouble("part", "it is away")
    await asyncio.wait_for(bench.feed.changed(), 60)
    with pytest.raises(Unavailable, match="it is away"):
        await bench.feed.latest()
    bench.mirror.trouble("part", "")
    await bench.feed.latest()
