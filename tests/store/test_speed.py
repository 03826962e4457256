"""How long the store takes with 10,000 resources and 100,000 events in it; `pytest -rP` shows the figures.

The query's bound is a requirement; the others are four times what was measured on four busy cores.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from statistics import mean, median

import pytest

from reconciler.model import Event, Ref
from reconciler.ports.store import EventFilter, Remembered
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from reconciler.store.thinning import SECOND, period
from tests.measured import Measured
from tests.store.records import NOW, FixedClock, judged, kept, operation, planned, sampled

RESOURCES, EVENTS = 10_000, 100_000
MEASURED = 50
NAMES = ("reconcile.applied", "resource.ready", "service.started", "service.stopped", "rare.one")

pytestmark = [pytest.mark.timed]


def ref(number: int) -> Ref:
    return Ref("Service", "default", f"service-{number:05}")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("full") / "holdfast.db"
    asyncio.run(fill(path))
    return path


async def fill(path: Path) -> None:
    store = await open_store(path, FixedClock())
    spec = {
        "command": ["/usr/bin/env", "serve"],
        "env": {"PORT": "8080"},
        "health": {"http": "http://localhost/"},
    }
    for start in range(0, RESOURCES, 1000):
        refs = [ref(n) for n in range(start, start + 1000)]
        await store.commit(*(kept(one, **spec) for one in refs), *(judged(one) for one in refs))
        await store.commit(*(Remembered(one, {"pid": 1}) for one in refs), *(planned(one) for one in refs))
    for start in range(0, EVENTS, 5000):
        await store.commit(
            *(
                Event(
                    NAMES[n % 4] if n % 10_000 else "rare.one",
                    NOW - timedelta(seconds=EVENTS - n),
                    ref(n % RESOURCES),
                    {"state": "running", "steps": ["Start"]},
                )
                for n in range(start, start + 5000)
            )
        )
    await store.commit(*(operation(f"op-{n}") for n in range(1000)))
    age = 0
    while age < 30 * 86_400 * SECOND:  # as they are left after a month: the older, the farther apart
        at = NOW - timedelta(microseconds=age)
        await store.commit(*(sampled(ref(one), at) for one in range(MEASURED)))
        age += max(15 * SECOND, period(age))
    await store.close()


@pytest.fixture
async def store(full: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_store(full, FixedClock())
    yield opened
    await opened.close()


Query = Callable[[SqliteStore, random.Random], Awaitable[object]]
QUERIES: dict[str, Query] = {
    "a page of events": lambda store, any_: store.events(any_.randrange(EVENTS), 50),
    "of a subject": lambda store, any_: store.events(
        0, 50, EventFilter(subject=ref(any_.randrange(RESOURCES)))
    ),
    "of a kind": lambda store, any_: store.events(any_.randrange(EVENTS), 50, EventFilter(kind="Service")),
    "by name": lambda store, any_: store.events(0, 50, EventFilter(names=("rare.one",))),
    "by two names": lambda store, any_: store.events(0, 50, EventFilter(names=("rare.one", "service.*"))),
    "since": lambda store, any_: store.events(
        0, 50, EventFilter(since=NOW - timedelta(seconds=any_.randrange(EVENTS)))
    ),
    "ids": lambda store, any_: store.event_ids(),
    "plans": lambda store, any_: store.plans(ref(any_.randrange(RESOURCES)), 20),
    "operations": lambda store, any_: store.operations(50),
    "an operation": lambda store, any_: store.operation(f"op-{any_.randrange(1000)}"),
    "samples of an hour": lambda store, any_: store.samples(
        ref(any_.randrange(MEASURED)), NOW - timedelta(hours=1), NOW, 1000
    ),
    "a page of samples": lambda store, any_: store.samples(
        ref(any_.randrange(MEASURED)), NOW - timedelta(days=any_.randrange(30)), NOW, 100
    ),
    "revisions": lambda store, any_: store.revisions("root", 50),
    "a commit": lambda store, any_: store.commit(judged(ref(any_.randrange(RESOURCES)), str(any_.random()))),
}


@pytest.mark.req("CORE-32", "TST-09")
@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_takes_less_than_ten_milliseconds_on_average(store: SqliteStore, name: str) -> None:
    average = Measured(10)
    while average.is_open:
        chance = random.Random(1)
        taken = []
        for _ in range(60):
            began = time.perf_counter()
            await QUERIES[name](store, chance)
            taken.append((time.perf_counter() - began) * 1000)
        average.add(mean(taken))
        sys.stdout.write(f"{name}: mean {mean(taken):.2f} ms, median {median(taken):.2f} ms\n")
    assert average.best <= average.goal


async def test_a_node_has_its_state_again_within_a_moment(full: Path) -> None:
    load, opening = Measured(1000), Measured(2000)
    while load.is_open or opening.is_open:
        loads, opens = [], []
        for _ in range(5):
            began = time.perf_counter()
            store = await open_store(full, FixedClock())
            opens.append((time.perf_counter() - began) * 1000)
            await store.load()
            began = time.perf_counter()
            saved = await store.load()
            loads.append((time.perf_counter() - began) * 1000)
            assert len(saved.inventory) == len(saved.statuses) == RESOURCES
            await store.close()
        load.add(median(loads))
        opening.add(median(opens))
    sys.stdout.write(f"open {opening.best:.0f} ms, load {load.best:.0f} ms\n")
    assert load.best <= load.goal
    assert opening.best <= opening.goal


async def test_a_thousand_callers_share_the_price_of_one(path: Path) -> None:
    store = await open_store(path, FixedClock())
    share, turns = Measured(1 / 3), count(1)
    while share.is_open:
        apart, together = [], []
        for turn in islice(turns, 5):
            began = time.perf_counter()
            for n in range(100):
                await store.commit(kept(ref(n), turn=turn))
            apart.append((time.perf_counter() - began) / 100)
            began = time.perf_counter()
            await asyncio.gather(*(store.commit(kept(ref(n), turn=-turn)) for n in range(1000)))
            together.append((time.perf_counter() - began) / 1000)
        share.add(median(together) / median(apart))
        sys.stdout.write(
            f"one by one {1 / median(apart):.0f}/s, a thousand at once {1 / median(together):.0f}/s\n"
        )
    await store.close()
    assert share.best <= share.goal
