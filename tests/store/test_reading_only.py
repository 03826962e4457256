"""Opened for comparing, a store leaves no trace: the folder is byte for byte what it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import Corrupt, Problem, Refused
from reconciler.ports.store import Note
from reconciler.settings import Retention
from reconciler.store.columns import sealed
from reconciler.store.comparing import open_read_only
from reconciler.store.opening import open_store
from tests.store.folders import TRACE, contents, left_by_a_kill, older, stored
from tests.store.records import DB, NOW, WEB, FixedClock, event, kept, one_of_each


async def test_where_no_store_is_none_is_made(path: Path) -> None:
    store = await open_read_only(path)
    assert (await store.load()).inventory == {}
    assert await store.event_ids() == (0, 0)
    await store.close()
    assert list(path.parent.iterdir()) == []


async def test_a_store_that_was_closed_is_read_as_it_lies(path: Path) -> None:
    await stored(path, *one_of_each())
    before = contents(path.parent)
    store = await open_read_only(path)
    assert contents(path.parent) == before
    assert set((await store.load()).inventory) == {WEB, DB}
    assert await store.revision_files("root", "r1")
    assert [one.id for one in await store.events(0, 9)] == [1, 2]
    await store.close()
    assert contents(path.parent) == before


async def test_what_a_killed_node_left_in_its_log_is_read_and_left_there(path: Path) -> None:
    await left_by_a_kill(path, kept(), event(), Note("n", 1))
    before = contents(path.parent)
    assert set(before) == {TRACE, path.name, f"{path.name}-wal", f"{path.name}-shm"}
    store = await open_read_only(path)
    saved = await store.load()
    assert (set(saved.inventory), saved.notes) == ({WEB}, {"n": 1})
    await store.close()
    assert contents(path.parent) == before


async def test_a_log_without_its_index_is_read_too(path: Path) -> None:
    await left_by_a_kill(path, kept())
    path.with_name(f"{path.name}-shm").unlink()
    before = contents(path.parent)
    store = await open_read_only(path)
    assert set((await store.load()).inventory) == {WEB}
    await store.close()
    assert contents(path.parent) == before


async def test_it_reads_what_the_next_node_reads(path: Path) -> None:
    await left_by_a_kill(path, *one_of_each())
    store = await open_read_only(path)
    read = await store.dump()
    await store.close()
    node = await open_store(path, FixedClock())
    assert await node.dump() == read
    await node.close()


async def test_it_takes_no_writes(path: Path) -> None:
    await stored(path, kept())
    before = contents(path.parent)
    store = await open_read_only(path)
    for attempt in (store.commit(Note("n", 1)), store.commit(), store.prune(NOW, Retention())):
        with pytest.raises(Refused, match="reading only"):
            await attempt
    await store.close()
    assert contents(path.parent) == before


@pytest.mark.req("CORE-28")
async def test_an_older_store_is_read_as_todays_and_left_as_it_is(path: Path) -> None:
    older(path, kept())
    before = contents(path.parent)
    store = await open_read_only(path)
    assert (await store.load()).inventory == {WEB: kept()}
    assert await store.samples(WEB, NOW, NOW, 9) == []
    await store.close()
    assert contents(path.parent) == before


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"This is no database. " * 1000)


def altered(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"untouched", b"unT0uched"))


def gone(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}.corrupt-20260101T000000Z"))


def from_the_future(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", sealed(99, "from the future"))
    connection.close()


@pytest.mark.parametrize(
    ("damage", "error"),
    [(empty, Corrupt), (garbage, Corrupt), (altered, Corrupt), (gone, Corrupt), (from_the_future, Refused)],
)
async def test_what_is_wrong_is_said_and_left_alone(
    path: Path, damage: Callable[[Path], None], error: type[Problem]
) -> None:
    await stored(path, kept(value="untouched"))
    damage(path)
    before = contents(path.parent)
    with pytest.raises(error) as caught:
        await open_read_only(path)
    assert caught.value.remedy
    assert contents(path.parent) == before
