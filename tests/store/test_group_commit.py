"""Callers that commit at the same moment share a transaction, and nothing else: not their failures either."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from reconciler.errors import Invalid, Unavailable
from reconciler.model import Ref
from reconciler.ports.store import Drop, Kept, Note, Revision
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from tests.store.records import NOW, WEB, FixedClock, event, kept, operation

pytestmark = pytest.mark.req("CORE-27", "CORE-31")


def refs(count: int) -> list[Ref]:
    return [Ref("Service", "default", f"n{n:04}") for n in range(count)]


def unfit(ref: Ref) -> Kept:
    """What JSON can carry and the schema refuses."""
    return Kept(ref, {}, "", generation=-1, source="", revision="")


async def test_callers_share_a_transaction(sqlite: SqliteStore, path: Path) -> None:
    before = frames(path)
    await asyncio.gather(*(sqlite.commit(Note(f"n{n}", n)) for n in range(500)))
    shared = frames(path) - before
    for n in range(10):
        await sqlite.commit(Note(f"alone{n}", n))
    alone = frames(path) - before - shared
    assert shared < 500 / 4
    assert alone >= 10


def frames(path: Path) -> int:
    """How many pages the write-ahead log has taken: a transaction of its own writes at least one."""
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size // 4096 if log.exists() else 0


async def test_who_fails_fails_alone(sqlite: SqliteStore) -> None:
    bad = {3, 17, 18, 99}
    outcomes = await asyncio.gather(
        *(
            sqlite.commit(event(ref=ref), *([unfit(ref)] if n in bad else [kept(ref)]), Note(ref.name, n))
            for n, ref in enumerate(refs(100))
        ),
        return_exceptions=True,
    )
    assert {n for n, outcome in enumerate(outcomes) if outcome is not None} == bad
    assert all(isinstance(outcomes[n], Invalid) for n in bad)
    good = [ref for n, ref in enumerate(refs(100)) if n not in bad]
    saved = await sqlite.load()
    assert set(saved.inventory) == set(good)
    assert set(saved.notes) == {ref.name for ref in good}
    assert [one.subject for one in await sqlite.events(0, 200)] == good
    assert await sqlite.event_ids() == (1, 96)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(unfit(WEB), id="a number out of its range"),
        pytest.param(Kept(WEB, {}, "", 2**70, "", ""), id="a number that no column holds"),
        pytest.param(operation("op", state="dreaming"), id="a state that does not exist"),
        pytest.param(event(name=""), id="an event without a name"),
        pytest.param(Revision("root", "r1", NOW, ""), id="a revision without an outcome"),
    ],
)
@pytest.mark.req("CORE-28")
async def test_the_schema_refuses_what_makes_no_sense(sqlite: SqliteStore, bad: Kept) -> None:
    before = await sqlite.dump()
    with pytest.raises(Invalid):
        await sqlite.commit(Note("before", 1), bad, Note("after", 1))
    assert await sqlite.dump() == before


async def test_the_last_word_on_a_key_is_the_last_callers(sqlite: SqliteStore) -> None:
    await asyncio.gather(
        sqlite.commit(kept(version=1)),
        sqlite.commit(kept(version=2), Note("n", 2)),
        sqlite.commit(Drop(WEB), Note("n", None)),
        sqlite.commit(kept(version=3)),
        sqlite.commit(Note("n", 3)),
    )
    saved = await sqlite.load()
    assert saved.inventory == {WEB: kept(version=3)}
    assert saved.notes == {"n": 3}


async def test_whoever_stops_waiting_stops_nobody(sqlite: SqliteStore) -> None:
    callers = [asyncio.create_task(sqlite.commit(kept(ref))) for ref in refs(50)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[::2]] == [asyncio.CancelledError] * 25
    assert outcomes[1::2] == [None] * 25
    assert set((await sqlite.load()).inventory) == set(refs(50))


async def test_closing_makes_what_was_asked_for_and_no_more(path: Path) -> None:
    store = await open_store(path, FixedClock())
    asked = [asyncio.create_task(store.commit(kept(ref))) for ref in refs(50)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*asked) == [None] * 50
    with pytest.raises(Unavailable):
        await store.commit(kept())
    with pytest.raises(Unavailable):
        await store.load()
    again = await open_store(path, FixedClock())
    assert set((await again.load()).inventory) == set(refs(50))
    await again.close()


@pytest.mark.req("CORE-31")
async def test_what_is_written_again_unchanged_writes_nothing(sqlite: SqliteStore, path: Path) -> None:
    writes = [kept(ref) for ref in refs(100)]
    await sqlite.commit(*writes)
    before = frames(path)
    await sqlite.commit(*writes)
    assert frames(path) == before


async def test_a_file_that_another_program_holds_is_named(sqlite: SqliteStore, path: Path) -> None:
    """After SQLite's patience of five seconds, once for all who wait."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = await asyncio.gather(*(sqlite.commit(kept(ref)) for ref in refs(100)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert "another program" in str(outcomes[0])
    other.execute("ROLLBACK")
    other.close()
    await sqlite.commit(kept())
    assert set((await sqlite.load()).inventory) == {WEB}


async def test_nobody_waits_for_ever_on_a_writer_that_is_gone(sqlite: SqliteStore) -> None:
    assert sqlite._writer is not None
    await sqlite._writer.close()
    with pytest.raises(Unavailable):
        await sqlite.commit(kept())
