"""The chain of events shows every hand that was at the log, and retention breaks nothing of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.settings import Retention
from reconciler.store import columns, queries
from reconciler.store.chain import BEGINNING, Head, Verified, chained, forget, link_before_next, verify
from reconciler.store.examining import examine, looked_at
from reconciler.store.migrating import migrate, migrations
from reconciler.store.opening import open_store
from reconciler.store.rows import ops
from reconciler.store.sqlite import SqliteStore
from tests.store.folders import older
from tests.store.records import NOW, FixedClock, event

pytestmark = pytest.mark.req("OBS-25")

NUMBER = 8


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with some events, closed."""
    found = tmp_path / "holdfast.db"
    store = await open_store(found, FixedClock())
    for n in range(NUMBER):
        await store.commit(event(f"test.{n}"), *([event("together")] if n == 3 else []))
    await store.close()
    return found


def verified(path: Path, noted: Head | None = None) -> Verified:
    with looked_at(path, living=False) as connection:
        return verify(connection, noted)


def altered(path: Path, *statements: str) -> tuple[str, ...]:
    """What is found after somebody was at the file with a shell."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return verified(path).faults


def test_a_log_that_nobody_has_touched(path: Path) -> None:
    found = verified(path)
    assert (found.events, found.unchained, found.first, found.faults) == (NUMBER + 1, 0, 1, ())
    assert found.head.id == NUMBER + 1
    assert len(found.head.link) == 64
    assert examine(path, living=False).faults == ()


@pytest.mark.parametrize(
    "change",
    [
        "name = 'x'",
        "at = at + 1",
        "kind = 'K', namespace = '', subject = ''",
        "actor = 'somebody else'",
        "request_id = 'x'",
        "trace_id = 'x'",
        "data = '{\"a\":1}'",
        "seal = seal + 1",
        "link = zeroblob(32)",
    ],
)
@pytest.mark.parametrize("number", [1, 5, NUMBER + 1])
def test_a_changed_row_is_named(path: Path, change: str, number: int) -> None:
    faults = altered(path, f"UPDATE events SET {change} WHERE id = {number}")  # noqa: S608
    assert faults[0] == f"event {number} is not as it was written, or does not belong where it stands"
    assert any(str(number) in fault for fault in examine(path, living=False).faults)


def test_a_row_changed_with_its_seal_and_its_link_is_named_by_the_next(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        rows = connection.execute(queries.CHAIN).fetchall()
        (number, *kept, _), before = rows[4][:-1], rows[3][-1]
        kept[0] = "nothing.happened"
        ((*row, link),) = chained(before, [(number, *columns.sealed(*kept))])
        connection.execute(
            "UPDATE events SET name = ?, seal = ?, link = ? WHERE id = ?", (row[1], row[-1], link, number)
        )
    found = verified(path)
    assert found.faults == ("event 6 is not as it was written, or does not belong where it stands",)


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        ("id = 5", "event 5 is missing before event 6"),
        ("id IN (4, 5, 6)", "events 4 to 6 are missing before event 7"),
        ("id = 1", "event 1 is missing before event 2"),
        ("id < 4", "events 1 to 3 are missing before event 4"),
        ("id > 7", "events 8 to 9 are missing at the end"),
        ("id > 0", "events 1 to 9 are missing at the end"),
    ],
)
def test_what_was_removed_is_named(path: Path, taken: str, told: str) -> None:
    assert altered(path, f"DELETE FROM events WHERE {taken}") == (told,)  # noqa: S608


COPY = (
    "INSERT INTO events SELECT {}, name, at, kind, namespace, subject, actor, request_id, trace_id, data, "
    "seal, link FROM events WHERE id = {}"
)


def test_what_was_inserted_is_named(path: Path) -> None:
    assert altered(path, COPY.format(10, 9)) == (
        "event 10 is not as it was written, or does not belong where it stands",
    )


def test_rows_that_have_changed_places_are_named(path: Path) -> None:
    faults = altered(
        path,
        "UPDATE events SET id = 100 WHERE id = 3",
        "UPDATE events SET id = 3 WHERE id = 4",
        "UPDATE events SET id = 4 WHERE id = 100",
    )
    assert faults[0] == "event 3 is not as it was written, or does not belong where it stands"


def test_a_link_that_was_taken_from_a_row_is_missed(path: Path) -> None:
    faults = altered(path, "UPDATE events SET link = NULL WHERE id = 5")
    assert faults[0] == "event 5 is not as it was written, or does not belong where it stands"


def test_who_has_noted_a_head_sees_that_all_was_written_anew(path: Path) -> None:
    noted = verified(path).head
    assert verified(path, noted).faults == ()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        rows = [row[:-1] for row in connection.execute(queries.CHAIN)]
        rows[2] = (rows[2][0], *columns.sealed("nothing.happened", *rows[2][2:-1]))
        connection.execute("DELETE FROM events")
        connection.executemany(queries.PUT["events"], chained(BEGINNING, rows))
    assert verified(path).faults == ()
    (fault,) = verified(path, noted).faults
    assert fault == "event 9 does not bear the link that was noted: all may be written anew"
    (late,) = verified(path, replace(noted, id=50)).faults
    assert late == "event 50 was noted, and the log ends with event 9"


# ------------------------------------------------------------------------------------------- retention


async def reopened(path: Path) -> SqliteStore:
    return await open_store(path, FixedClock())


@pytest.mark.req("OBS-32")
@pytest.mark.parametrize("kept", [0, 1, 4, 100])
async def test_what_retention_takes_breaks_nothing(path: Path, kept: int) -> None:
    store = await reopened(path)
    await store.prune(NOW, Retention(event_rows=kept))
    assert verified_now(store) == ()
    await store.commit(event("after"))
    assert verified_now(store) == ()
    await store.close()
    found = verified(path)
    assert (found.faults, found.events) == ((), min(kept, NUMBER + 1) + 1)
    assert found.head.id == NUMBER + 2
    if kept == 4:
        told = "event 5 is not as it was written, or does not belong where it stands"
        assert altered(path, COPY.format(5, 9)) == (told,)
        assert altered(path, "DELETE FROM events WHERE id IN (5, 7)") == (
            "event 7 is missing before event 8",
        )
        assert altered(path, "DELETE FROM gaps") == (
            "events 1 to 5 are missing before event 6",
            "event 7 is missing before event 8",
        )


def verified_now(store: SqliteStore) -> tuple[str, ...]:
    """While a node is at work on it."""
    with looked_at(store._reader.path, living=True) as connection:
        return verify(connection).faults


@pytest.mark.req("OBS-32")
async def test_a_clock_that_has_jumped_leaves_holes_that_are_known(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.db"
    store = await reopened(path)
    for n in range(12):
        old = timedelta(days=90) if n % 3 == 0 else timedelta()
        await store.commit(replace(event(f"test.{n}"), at=NOW - old))
    assert (await store.prune(NOW, Retention(event_days=30)))["events"] == 4
    await store.close()
    assert verified(path).faults == ()
    assert altered(path, "DELETE FROM events WHERE id = 6") == ("event 6 is missing before event 8",)
    assert altered(path, "DELETE FROM events WHERE id = 2")[0] == "event 2 is missing before event 3"


async def test_an_older_store_goes_on_with_a_chain(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.db"
    older(path, event("old.1"), event("old.2"))
    store = await reopened(path)
    await store.commit(event("new.1"))
    await store.commit(event("new.2"))
    await store.close()
    found = verified(path)
    assert (found.events, found.unchained, found.faults) == (4, 2, ())
    store = await reopened(path)
    await store.prune(NOW, Retention(event_rows=3))
    await store.close()
    assert verified(path).faults == ()


async def test_a_rebuilt_store_begins_anew_and_goes_on_above(path: Path) -> None:
    path.write_bytes(b"no store at all" * 1000)
    store = await reopened(path)
    await store.commit(event("after"))
    await store.close()
    found = verified(path)
    assert found.faults == ()
    assert found.first > NUMBER + 1


@given(st.lists(st.one_of(st.integers(1, 5), st.sets(st.integers(1, 60), min_size=1)), max_size=25))
@settings(deadline=None)
def test_however_events_come_and_go_the_chain_holds(acts: list[int | set[int]]) -> None:
    """A number: so many more are written; a set: these are let go of."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, migrations())
        last = 0
        for act in acts:
            if isinstance(act, int):
                rows = [(last + n + 1, *op.row) for n in range(act) for op in ops(event(f"e{n}"))]
                before = link_before_next(connection, last)
                connection.executemany(queries.PUT["events"], chained(before, rows))
                last += act
            else:
                there = {number for (number,) in connection.execute("SELECT id FROM events")}
                forget(connection, [(number,) for number in act & there])
            assert verify(connection).faults == ()
        kept = connection.execute("SELECT count(*) FROM events").fetchone()[0]
        assert connection.execute("SELECT count(*) FROM gaps").fetchone()[0] <= kept + 1
