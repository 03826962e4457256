"""Readers of the log: everything once, in order, from the table or live, and cheap however many they are."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from datetime import timedelta

import pytest

from reconciler.model import Event, Ref
from reconciler.ports.store import EventFilter, Following
from reconciler.settings import Retention
from reconciler.store.reading import A_SEARCH
from reconciler.store.tail import ALL, IN_MEMORY, RESET
from tests.store.records import DB, NOW, WEB, AnyStore, event

pytestmark = pytest.mark.req("EVT-02", "EVT-05")


async def ids(store: AnyStore, after: int, count: int, only: EventFilter = ALL) -> list[int]:
    """The ids of the next events that a reader gets."""
    found: list[int] = []
    async with asyncio.timeout(60), aclosing(aiter(store.follow(after, only))) as events:
        async for one in events:
            found.append(one.id)
            if len(found) == count:
                break
    return found


async def test_the_log_comes_first_and_then_what_happens(store: AnyStore) -> None:
    await store.commit(event(), event())
    reader = asyncio.create_task(ids(store, 0, 5))
    for _ in range(3):
        await asyncio.sleep(0)
        await store.commit(event())
    assert await reader == [1, 2, 3, 4, 5]


async def test_a_reader_goes_on_where_it_was(store: AnyStore) -> None:
    await store.commit(*(event() for _ in range(10)))
    assert await ids(store, 7, 3) == [8, 9, 10]
    reader = asyncio.create_task(ids(store, 10, 1))
    await asyncio.sleep(0)
    await store.commit(event())
    assert await reader == [11]


async def test_who_falls_behind_reads_the_table_and_misses_nothing(store: AnyStore) -> None:
    await store.commit(event())
    async with aclosing(aiter(store.follow(0))) as events:
        assert (await anext(events)).id == 1
        for _ in range(3):
            await store.commit(*(event() for _ in range(IN_MEMORY)))
        found = [(await anext(events)).id for _ in range(3 * IN_MEMORY)]
        assert found == list(range(2, 3 * IN_MEMORY + 2))
        await store.commit(event())
        assert (await anext(events)).id == 3 * IN_MEMORY + 2


@pytest.mark.req("EVT-11")
async def test_who_falls_behind_what_is_kept_is_told_and_goes_on(store: AnyStore) -> None:
    async with (
        aclosing(aiter(store.follow(0))) as all_,
        aclosing(aiter(store.follow(0, EventFilter(("other",))))) as none,
    ):
        await store.commit(event(), event(name="other"))
        assert [(await anext(all_)).id, (await anext(all_)).id] == [1, 2]
        assert (await anext(none)).id == 2
        for _ in range(2):
            await store.commit(*(event() for _ in range(IN_MEMORY)))
        await store.prune(NOW, Retention(event_days=10_000, event_rows=1500))
        oldest, newest = await store.event_ids()
        assert (oldest, newest) == (2 * IN_MEMORY + 2 - 1499, 2 * IN_MEMORY + 2)
        missed = await anext(all_)
        assert (missed.name, missed.id) == (RESET, oldest - 1)
        assert missed.data == {"last_event_id": 2, "oldest": oldest, "newest": newest}
        assert [(await anext(all_)).id for _ in range(1500)] == list(range(oldest, newest + 1))
        assert (await anext(none)).name == RESET, "whatever it asks for: it may have been among the lost"
        await store.commit(event(name="other"))
        assert (await anext(none)).id == newest + 1


@pytest.mark.parametrize("seed", range(5))
async def test_readers_that_come_and_dawdle_at_any_time_see_each_event_once(
    store: AnyStore, seed: int
) -> None:
    chance, last = random.Random(seed), 4000

    async def write() -> None:
        written = 0
        while written < last:
            some = min(chance.randint(1, 300), last - written)
            await store.commit(*(event() for _ in range(some)))
            written += some

    async def read() -> None:
        for _ in range(chance.randint(0, 50)):
            await asyncio.sleep(0)
        after = chance.randint(0, min(100, (await store.event_ids())[1]))
        async with aclosing(aiter(store.follow(after))) as events:
            async for one in events:
                after += 1
                assert one.id == after
                if after == last:
                    return
                if chance.random() < 0.01:
                    await asyncio.sleep(0.002)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(write())
        for _ in range(10):
            group.create_task(read())


async def test_a_thousand_readers_get_all(store: AnyStore) -> None:
    readers = [asyncio.create_task(ids(store, 0, 20)) for _ in range(1000)]
    for _ in range(20):
        await store.commit(event())
    assert {tuple(found) for found in await asyncio.gather(*readers)} == {tuple(range(1, 21))}


async def test_one_that_leaves_disturbs_nobody(store: AnyStore) -> None:
    leaving = asyncio.create_task(ids(store, 0, 1))
    staying = asyncio.create_task(ids(store, 0, 1))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    await store.commit(event())
    assert await staying == [1]


async def test_a_store_that_closes_ends_its_readers(store: AnyStore) -> None:
    await store.commit(event())

    async def read() -> list[int]:
        return [one.id async for one in store.follow(0)]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    await store.close()
    async with asyncio.timeout(60):
        assert await reader == [1]


async def test_a_reader_whose_place_was_pruned_goes_on_with_the_oldest_that_is_kept(store: AnyStore) -> None:
    await store.commit(*(event() for _ in range(IN_MEMORY + 50)))
    await store.prune(NOW, Retention(event_rows=10))
    oldest, newest = await store.event_ids()
    assert (oldest, newest) == (IN_MEMORY + 41, IN_MEMORY + 50)
    assert await ids(store, 0, 10) == list(range(oldest, newest + 1))


async def test_ids_go_on_after_all_events_were_pruned(store: AnyStore) -> None:
    await store.commit(*(event() for _ in range(5)))
    await store.prune(NOW + timedelta(days=31), Retention())
    assert await store.event_ids() == (0, 0)
    reader = asyncio.create_task(ids(store, 5, 1))
    await store.commit(event())
    assert await reader == [6]


LATER = NOW + timedelta(hours=1)
ALL_BUT_4 = [1, 2, 3, 5, 6, 7, 8]
LOG = [
    event("service.started", WEB, state="running"),
    event("service.stopped", WEB, state="stopped"),
    event("service.started", DB, state="running"),
    event("servicegroup.started", Ref("ServiceGroup", "default", "web"), state="running"),
    event("node.started", None),
    Event("service.started", LATER, WEB, {"state": "failed"}),
    Event("node.started", NOW - timedelta(hours=1)),  # the clock was set back
    Event("node.stopped", LATER, None, {"state": "stopped"}),
]
FILTERS = [
    pytest.param(EventFilter(), [1, 2, 3, 4, 5, 6, 7, 8], id="all"),
    pytest.param(EventFilter(names=("service.started",)), [1, 3, 6], id="one name"),
    pytest.param(EventFilter(names=("node.stopped", "service.stopped")), [2, 8], id="two names"),
    pytest.param(EventFilter(names=("service.*",)), [1, 2, 3, 6], id="a family of names"),
    pytest.param(EventFilter(names=("service.st*", "service.started", "no*")), ALL_BUT_4, id="overlapping"),
    pytest.param(EventFilter(names=("*",)), [1, 2, 3, 4, 5, 6, 7, 8], id="any name"),
    pytest.param(EventFilter(names=("nobody.*", "nothing")), [], id="no such name"),
    pytest.param(EventFilter(subject=WEB), [1, 2, 6], id="subject"),
    pytest.param(EventFilter(kind="Service"), [1, 2, 3, 6], id="kind"),
    pytest.param(EventFilter(kind="Service", names=("*.started",)), [], id="a star within is no pattern"),
    pytest.param(EventFilter(subject=WEB, names=("service.started",)), [1, 6], id="subject and name"),
    pytest.param(EventFilter(kind="ServiceGroup", subject=WEB), [], id="contradicting"),
    pytest.param(EventFilter(states=("stopped", "failed")), [2, 6, 8], id="states"),
    pytest.param(EventFilter(since=NOW), [1, 2, 3, 4, 5, 6, 8], id="since"),
    pytest.param(EventFilter(since=LATER, names=("service.*",)), [6], id="since and names"),
    pytest.param(EventFilter(since=NOW + timedelta(days=1)), [], id="since the future"),
]  # fmt: skip


@pytest.mark.req("EVT-03")
@pytest.mark.parametrize(("only", "expected"), FILTERS)
async def test_history_gives_what_a_filter_asks_for(
    store: AnyStore, only: EventFilter, expected: list[int]
) -> None:
    await store.commit(*LOG)
    assert [one.id for one in await store.events(0, 100, only)] == expected
    assert [one.id for one in await store.events(0, 2, only)] == expected[:2]
    assert [one.id for one in await store.events(3, 100, only)] == [one for one in expected if one > 3]
    assert await store.events(0, 0, only) == []


@pytest.mark.parametrize(("only", "expected"), FILTERS)
async def test_a_filter_means_the_same_for_history_and_for_what_happens(
    store: AnyStore, only: EventFilter, expected: list[int]
) -> None:
    """The last event of all is let through by no filter but by its name, and ends the reading."""
    watched: list[int] = []

    async def read(events: Following) -> None:
        watched.extend([one.id async for one in events])

    reader = asyncio.create_task(read(store.follow(0, only)))
    await asyncio.sleep(
        0.01
    )  # it waits for what happens; were it late, it would read the same from the table
    for one in LOG:
        await store.commit(one)
    await store.close()
    async with asyncio.timeout(60):
        await reader
    assert watched == expected


@pytest.mark.req("EVT-03")
async def test_a_rare_event_is_found_beyond_any_number_of_others(store: AnyStore) -> None:
    await store.commit(*(event("frequent") for _ in range(A_SEARCH + 100)), event("frequent", state="odd"))
    only = EventFilter(names=("frequent",), states=("odd",))
    assert [one.id for one in await store.events(0, 5, only)] == [A_SEARCH + 101]
    assert await ids(store, 0, 1, only) == [A_SEARCH + 101]


async def test_a_reader_is_told_its_place_when_nothing_comes_that_it_wants(store: AnyStore) -> None:
    """However rare what it wants: it comes back to where it was, not to what is kept no more."""
    rare = store.follow(0, EventFilter(("rare",)))
    await store.commit(*(event() for _ in range(10)))
    assert await rare.more(0.05) == ()
    assert rare.position == 10
    await store.commit(event("rare"), event())
    assert [one.id for one in await rare.more() or ()] == [11]
    assert await rare.more(0.05) == ()
    assert rare.position == 12
    await store.close()
    assert await rare.more() is None


@pytest.mark.req("EVT-11")
async def test_a_place_from_another_life_of_the_log_is_none(store: AnyStore) -> None:
    await store.commit(event(), event())
    found = await store.follow(7).more() or ()
    assert [(one.name, one.id, one.data["last_event_id"]) for one in found] == [(RESET, 0, 7)]


async def test_what_a_reader_has_heard_the_one_who_told_it_knows(store: AnyStore) -> None:
    """Each writer keeps in memory what it has committed: who asks for a place, then looks, misses none."""
    known: set[int] = set()
    missed: list[int] = []

    async def write(number: int) -> None:
        for turn in range(50):
            await store.commit(event("told", number=number * 50 + turn))
            known.add(number * 50 + turn)

    async def look() -> None:
        while len(known) < 500:
            place, seen = store.as_of(), set(known)
            told = [one.data["number"] for one in await store.events(0, 1000) if one.id <= place]
            missed.extend(number for number in told if number not in seen)
            await asyncio.sleep(0)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(write(number))
        group.create_task(look())
    assert missed == []
    assert store.as_of() == (await store.event_ids())[1] == 500
