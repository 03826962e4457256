"""The engine makes, changes and removes what a source declares, and then has nothing left to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from reconciler.engine.loop import Engine
from reconciler.engine.world import World
from reconciler.model import NODE_SOURCE, Origin, Ref, Resource, Snapshot
from reconciler.ports.kinds import Kinds
from reconciler.runtime.clock import SystemClock
from reconciler.store.memory import MemoryStore
from tests.plugins.holdfast_samples.null import Null, NullSpec, Uses

KINDS = Kinds({"Null": Null()})


def snapshot(revision: str, **inputs: str) -> Snapshot:
    resources = {}
    for name, value in inputs.items():
        ref = Ref("Null", "default", name)
        resources[ref] = Resource(ref, NullSpec(input=value), Origin(NODE_SOURCE, revision))
    return Snapshot(NODE_SOURCE, revision, resources)


@asynccontextmanager
async def running(store: MemoryStore) -> AsyncIterator[Engine]:
    clock = SystemClock()
    engine = Engine(World(KINDS, {"Null": Uses(clock)}, store, clock, Random(1)))
    await engine.start()
    work = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def settled(engine: Engine) -> None:
    async with asyncio.timeout(60):
        while not engine.idle:  # noqa: ASYNC110 - a turn of the loop is what it waits for
            await asyncio.sleep(0)


async def held(store: MemoryStore) -> dict[str, str]:
    saved = await store.load()
    return {ref.name: memory["held"][0] for ref, memory in saved.memory.items()}


@pytest.mark.req("CORE-02", "TST-47")
async def test_makes_changes_and_removes() -> None:
    store = MemoryStore()
    async with running(store) as engine:
        await engine.submit(snapshot("1", a="one", b="two", c="three"))
        await settled(engine)
        assert await held(store) == {"a": "one", "b": "two", "c": "three"}
        assert all(entry.status is not None and entry.status.ready for entry in engine.book)

        await engine.submit(snapshot("2", a="one", b="changed"))
        await settled(engine)
        assert await held(store) == {"a": "one", "b": "changed"}
        assert len(engine.book) == 2


@pytest.mark.req("CORE-02", "TST-47")
async def test_a_second_pass_writes_nothing() -> None:
    store = MemoryStore()
    async with running(store) as engine:
        await engine.submit(snapshot("1", a="one", b="two"))
        await settled(engine)
        before = await store.dump()
        for entry in engine.book:
            engine.request(entry.ref)
        await settled(engine)
        assert await store.dump() == before


@pytest.mark.req("TST-47")
async def test_a_restart_goes_on_where_it_was() -> None:
    store = MemoryStore()
    async with running(store) as engine:
        await engine.submit(snapshot("1", a="one", b="two"))
        await settled(engine)
    before = await store.dump()
    async with running(store) as engine:
        await engine.submit(snapshot("1", a="one", b="two"))
        await settled(engine)
        assert await store.dump() == before
        await engine.submit(snapshot("2", a="one"))
        await settled(engine)
        assert await held(store) == {"a": "one"}
