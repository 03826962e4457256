"""Retention: by age and by number, for each table, without holding up those who commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from reconciler.errors import Corrupt, NotFound
from reconciler.model import Event, Ref
from reconciler.ports.store import Drop, Revision
from reconciler.settings import Retention
from reconciler.store.opening import open_store
from reconciler.store.pruning import A_BITE
from reconciler.store.sqlite import SqliteStore
from tests.store.records import DB, NOW, WEB, AnyStore, FixedClock, event, kept, operation, planned, sampled

pytestmark = pytest.mark.req("CORE-33")

KEEP = Retention()
NOTHING_GOES = {"events": 0, "operations": 0, "plans": 0, "revisions": 0, "samples": 0}


def days(count: float) -> timedelta:
    return timedelta(days=count)


async def test_nothing_goes_before_its_time(store: AnyStore) -> None:
    await store.commit(
        Event("old", NOW - days(30)),
        operation("op", at=NOW - days(30)),
        planned(at=NOW - days(30)),
        sampled(at=NOW - days(30)),
    )
    before = await store.dump()
    assert await store.prune(NOW, KEEP) == NOTHING_GOES
    assert await store.dump() == before


async def test_events_go_by_age(store: AnyStore) -> None:
    await store.commit(*(Event(f"e{age}", NOW - days(age)) for age in (45, 31, 29, 0, 40)))
    assert await store.prune(NOW, KEEP) == {**NOTHING_GOES, "events": 3}
    assert [one.name for one in await store.events(0, 9)] == ["e29", "e0"]
    assert await store.event_ids() == (3, 4)


async def test_events_go_by_number(store: AnyStore) -> None:
    await store.commit(*(event(number=n) for n in range(3 * A_BITE)))
    assert (await store.prune(NOW, Retention(event_rows=7)))["events"] == 3 * A_BITE - 7
    assert await store.event_ids() == (3 * A_BITE - 6, 3 * A_BITE)
    assert (await store.prune(NOW, Retention(event_rows=0)))["events"] == 7
    assert await store.event_ids() == (0, 0)


@pytest.mark.parametrize("days_kept", [1e6, 1e12, float("inf"), float("nan")])
async def test_however_many_days_are_to_be_kept_they_are(store: AnyStore, days_kept: float) -> None:
    for_ever = Retention(
        event_days=days_kept,
        operation_days=days_kept,
        metric_days=days_kept,
        plan_days=days_kept,
        revision_days=days_kept,
    )
    old = NOW - days(30_000)
    await store.commit(Event("old", old), operation("old", at=old), kept(WEB))
    await store.commit(*(planned(WEB, n, old) for n in range(3)))
    await store.commit(*(Revision("root", f"r{n}", old, "applied", files={}) for n in range(4)))
    assert await store.prune(NOW, for_ever) == NOTHING_GOES


async def test_operations_go_by_number(store: AnyStore) -> None:
    await store.commit(*(operation(f"op{n}", at=NOW) for n in range(A_BITE + 9)))
    await store.commit(operation("op0", "done", NOW))
    assert (await store.prune(NOW, Retention(operation_rows=7)))["operations"] == A_BITE + 2
    assert [one.id for one in await store.operations(9)] == [f"op{A_BITE + n}" for n in range(8, 1, -1)]
    assert (await store.prune(NOW, Retention(operation_rows=0)))["operations"] == 7


async def test_operations_go_by_age(store: AnyStore) -> None:
    await store.commit(operation("old", "done", NOW - days(31)), operation("new", "done", NOW))
    assert (await store.prune(NOW, KEEP))["operations"] == 1
    assert [one.id for one in await store.operations(9)] == ["new"]


async def test_a_ref_keeps_its_last_plans_however_old(store: AnyStore) -> None:
    await store.commit(kept(WEB), *(planned(WEB, n, NOW - days(100)) for n in range(50)), planned(DB))
    assert (await store.prune(NOW, KEEP))["plans"] == 30
    assert [plan.generation for plan in await store.plans(WEB, 99)] == list(range(49, 29, -1))
    assert len(await store.plans(DB, 99)) == 1


@pytest.mark.req("CORE-33")
async def test_plans_go_by_age_too_but_the_last_of_each(store: AnyStore) -> None:
    old = [planned(ref, n, NOW - days(400)) for n in range(5) for ref in (WEB, DB)]
    await store.commit(kept(WEB), kept(DB), *old, planned(DB, 5, NOW - days(1)))
    assert (await store.prune(NOW, KEEP))["plans"] == 4 + 5
    assert [plan.generation for plan in await store.plans(WEB, 9)] == [4]
    assert [plan.generation for plan in await store.plans(DB, 9)] == [5]


@pytest.mark.req("CORE-33")
async def test_revisions_go_by_age_too_but_not_what_is_in_force_and_one_to_go_back_to(
    store: AnyStore,
) -> None:
    for n in range(5):
        at = NOW - days(400 - n)
        await store.commit(Revision("root", f"r{n}", at, "applied", files={"a": b"a"}))
        await store.commit(Revision("root", f"bad{n}", at, "refused"))
    await store.commit(Revision("root", "bad", NOW, "refused"))
    assert (await store.prune(NOW, KEEP))["revisions"] == 3 + 4
    left = [one.revision for one in await store.revisions("root", 99)]
    assert left == ["bad", "bad4", "r4", "r3"]
    assert await store.revision_files("root", "r3") == {"a": b"a"}
    assert (await store.prune(NOW, Retention(revisions_per_source=1)))["revisions"] == 2


async def test_plans_of_what_is_gone_go_with_the_events_of_that_time(store: AnyStore) -> None:
    await store.commit(kept(WEB), planned(WEB, 1, NOW - days(31)), planned(WEB, 2, NOW - days(29)), Drop(WEB))
    assert (await store.prune(NOW, KEEP))["plans"] == 1
    assert [plan.generation for plan in await store.plans(WEB, 9)] == [2]


async def test_plans_of_very_many_refs_are_looked_through(store: AnyStore) -> None:
    refs = [Ref("Service", "default", f"n{n:05}") for n in range(2 * A_BITE + 1)]
    await store.commit(*(planned(ref, n) for ref in refs for n in range(3)))
    assert (await store.prune(NOW, Retention(plans_per_resource=2)))["plans"] == len(refs)
    assert [plan.generation for plan in await store.plans(refs[-1], 9)] == [2, 1]


async def test_the_revision_in_force_stays_however_many_were_refused_since(store: AnyStore) -> None:
    await store.commit(Revision("root", "in force", NOW - days(900), "applied", files={"a": b"in force"}))
    await store.commit(*(Revision("root", f"bad{n}", NOW, "refused") for n in range(60)))
    assert (await store.prune(NOW, KEEP))["revisions"] == 10
    left = [one.revision for one in await store.revisions("root", 99)]
    assert left == [f"bad{n}" for n in range(59, 9, -1)] + ["in force"]
    assert await store.revision_files("root", "in force") == {"a": b"in force"}


async def test_contents_go_with_the_last_revision_that_holds_them(store: AnyStore) -> None:
    for n in range(4):
        files = {"same": b"same", "own": f"own {n}".encode()}
        await store.commit(Revision("root", f"r{n}", NOW, "applied", files=files))
    assert (await store.prune(NOW, Retention(revisions_per_source=2)))["revisions"] == 2
    assert await store.revision_files("root", "r3") == {"same": b"same", "own": b"own 3"}
    with pytest.raises(NotFound):
        await store.revision_files("root", "r1")
    if isinstance(store, SqliteStore):
        assert await contents_kept(store) == 3


async def contents_kept(store: SqliteStore) -> int:
    count: int = await store._reader.run(
        lambda connection: connection.execute("SELECT count(*) FROM contents").fetchone()[0]
    )
    return count


async def test_a_revision_that_is_recorded_anew_meanwhile_stays(sqlite: SqliteStore) -> None:
    """It was the oldest when retention looked, and is the newest when retention takes."""
    await sqlite.commit(*(Revision("root", f"r{n}", NOW, "applied", files={"a": b"a"}) for n in range(30)))
    pruning = asyncio.create_task(sqlite.prune(NOW, Retention(revisions_per_source=1)))
    again = asyncio.create_task(sqlite.commit(Revision("root", "r0", NOW, "applied", "again")))
    await asyncio.gather(pruning, again)
    assert "r0" in {one.revision for one in await sqlite.revisions("root", 99)}
    assert await sqlite.revision_files("root", "r0") == {"a": b"a"}


async def test_commits_go_on_meanwhile(sqlite: SqliteStore) -> None:
    await sqlite.commit(*(Event("old", NOW - days(31)) for _ in range(40 * A_BITE)))
    pruning = asyncio.create_task(sqlite.prune(NOW, KEEP))
    made = 0
    while not pruning.done():
        await sqlite.commit(event("new"))
        made += 1
    assert (await pruning)["events"] == 40 * A_BITE
    assert made > 10
    assert {one.name for one in await sqlite.events(0, made + 1)} == {"new"}


@pytest.mark.req("CORE-29")
async def test_samples_go_by_age(store: AnyStore) -> None:
    await store.commit(sampled(at=NOW - days(31)), sampled(DB, NOW - days(31)), sampled(at=NOW - days(29)))
    assert await store.prune(NOW, KEEP) == {**NOTHING_GOES, "samples": 2}
    assert [one.at for one in await store.samples(WEB, NOW - days(99), NOW, 9)] == [NOW - days(29)]


@pytest.mark.req("CORE-29")
async def test_samples_go_by_number_the_oldest_first(store: AnyStore) -> None:
    moments = [NOW - timedelta(seconds=15 * n) for n in range(100)]
    refs = [Ref("Service", "default", f"n{n:02}") for n in range(20)]
    await store.commit(*(sampled(ref, at) for ref in refs for at in moments))
    assert (await store.prune(NOW, Retention(metric_rows=907)))["samples"] == 1093
    left = [await store.samples(ref, NOW - days(1), NOW, 999) for ref in refs]
    assert sum(map(len, left)) == 907
    assert Counter(len(one) for one in left) == {45: 13, 46: 7}
    assert (await store.prune(NOW, Retention(metric_rows=0)))["samples"] == 907


@pytest.mark.req("CORE-29")
async def test_samples_grow_sparser_with_age_and_their_peaks_stay(store: AnyStore) -> None:
    """A day of measurements every 15 s, pruned every hour; one of them was a peak."""
    spike = NOW - timedelta(hours=20)
    rounds = [NOW - timedelta(seconds=15 * n) for n in range(24 * 240, 0, -1)]
    for start in range(0, len(rounds), 240):
        for at in rounds[start : start + 240]:
            await store.commit(sampled(at=at, memory=9 << 30 if at == spike else 1 << 20))
        await store.prune(rounds[min(start + 240, len(rounds) - 1)], KEEP)
    left = await store.samples(WEB, NOW - days(2), NOW, 9999)
    assert len([one for one in left if one.at >= NOW - timedelta(minutes=30)]) == 120
    assert 500 < len(left) < 1000
    gaps = [(NOW - one.at, later.at - one.at) for one, later in pairwise(left)]
    assert [gap for age, gap in gaps if gap > max(age / 60, timedelta(seconds=15))] == []
    peaks = [one for one in left if one.memory_peak_bytes == 9 << 30]
    assert [abs(one.at - spike) < timedelta(minutes=15) for one in peaks] == [True]


async def test_commits_go_on_while_samples_are_thinned(sqlite: SqliteStore) -> None:
    refs = [Ref("Service", "default", f"n{n:03}") for n in range(200)]
    for n in range(100):
        at = NOW - days(1) - timedelta(seconds=15 * n)
        await sqlite.commit(*(sampled(ref, at) for ref in refs))
    pruning = asyncio.create_task(sqlite.prune(NOW, KEEP))
    made = 0
    while not pruning.done():
        await sqlite.commit(event("new"))
        made += 1
    assert (await pruning)["samples"] > 15_000
    assert made > 10


async def test_an_index_that_names_what_is_not_there_is_told_and_not_asked_for_ever(path: Path) -> None:
    """Damage that opening does not look for: history has seals on its rows, and none on its indexes."""
    store = await open_store(path, FixedClock())
    await store.commit(*(Event("old", NOW - days(99)) for _ in range(3)))
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        hidden = "FROM sqlite_schema WHERE name = 'events_by_time'"
        (row,) = connection.execute(f"SELECT * {hidden}").fetchall()
        connection.execute(f"DELETE {hidden}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM events")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", row)
    store = await open_store(path, FixedClock())
    async with asyncio.timeout(20):
        with pytest.raises(Corrupt, match="an index names rows that are not there"):
            await store.prune(NOW, KEEP)
    await store.close()
