"""Opening: what is new, whole, damaged, gone, forbidden or from the future, each said for what it is."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import Corrupt, Invalid, Refused
from reconciler.model import Override, Ref
from reconciler.ports.store import Kept, Note, Sampled
from reconciler.store.columns import sealed
from reconciler.store.opening import open_store
from reconciler.store.rebuilding import make, salvaged
from tests.store.folders import TRACE, contents, left_by_a_kill, older, stored
from tests.store.records import NOW, WEB, FixedClock, event, judged, kept, one_of_each, planned, sampled

NOBODY = 65534
LEAF_OF_AN_INDEX = 0x0A  # the first byte of such a page
WORN = Ref("Service", "default", "findable")
STOP = Override("ov", WEB, {"state": "stopped"}, "alice", "why", NOW)


async def test_a_new_store_is_one_file_for_its_owner_only(path: Path) -> None:
    store = await open_store(path, FixedClock())
    assert (await store.load()).notes == {}
    await store.close()
    assert {file.name for file in path.parent.iterdir()} == {path.name, TRACE}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_was_stored_is_there_again(path: Path) -> None:
    store = await open_store(path, FixedClock())
    await store.commit(*one_of_each())
    before, saved = await store.dump(), await store.load()
    await store.close()
    again = await open_store(path, FixedClock())
    assert await again.dump() == before
    assert await again.load() == saved
    await again.close()


@pytest.mark.req("CORE-27")
async def test_a_kill_leaves_all_that_was_committed(path: Path) -> None:
    await left_by_a_kill(path, kept(), event(), Note("n", 1))
    store = await open_store(path, FixedClock())
    saved = await store.load()
    assert (set(saved.inventory), saved.notes) == ({WEB}, {"n": 1})
    assert await store.event_ids() == (1, 1)
    await store.close()


# ------------------------------------------------------------------------------------------- damage


def garbage(path: Path) -> None:
    path.write_bytes(b"This is no database. " * 1000)


def cut_to_nothing(path: Path) -> None:
    path.write_bytes(b"")


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_amid_a_page(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1000)


def overwritten_amid(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(4096))


def a_row_altered(path: Path) -> None:
    """One letter of a value, which no structure of the file tells."""
    body = path.read_bytes()
    assert b"untouched" in body
    path.write_bytes(body.replace(b"untouched", b"unT0uched"))


def an_index_without_its_rows(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master "
            "WHERE name = 'sqlite_autoindex_memory_1') WHERE name = 'sqlite_autoindex_inventory_1'"
        )
    connection.close()


def an_index_that_names_another(path: Path) -> None:
    """The row is whole, and cannot be found by its name any more: it would be written twice."""
    body = bytearray(path.read_bytes())
    places = [place for place in range(len(body)) if body.startswith(b"findable", place)]
    (in_index,) = [place for place in places if body[place // 4096 * 4096] == LEAF_OF_AN_INDEX]
    body[in_index] += 1
    path.write_bytes(body)


def a_table_missing(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP VIEW resources")
        connection.execute("DROP TABLE memory")
    connection.close()


DAMAGES = [
    garbage,
    cut_to_nothing,
    cut_in_half,
    cut_amid_a_page,
    overwritten_amid,
    a_row_altered,
    an_index_without_its_rows,
    an_index_that_names_another,
    a_table_missing,
]


@pytest.mark.req("CORE-27")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_store_is_kept_aside_and_a_new_one_says_so(
    path: Path, damage: Callable[[Path], None]
) -> None:
    await stored(path, kept(WORN, value="untouched"), *(event() for _ in range(400)))
    damage(path)
    damaged = path.read_bytes()
    store = await open_store(path, FixedClock())
    saved = await store.load()
    note = saved.notes["rebuilt"]
    assert saved.inventory == {}
    assert note["at"] == NOW.isoformat()
    assert note["reason"]
    assert note["aside"] == "holdfast.db.corrupt-20261121T123015Z"
    assert path.with_name(note["aside"]).read_bytes() == damaged
    (news,) = await store.events(0, 10)
    assert (news.name, news.data) == ("store.rebuilt", note)
    await store.commit(kept(), Note("rebuilt", None))
    await store.close()
    again = await open_store(path, FixedClock())
    assert (await again.load()).notes == {}
    assert set((await again.load()).inventory) == {WEB}
    await again.close()


@pytest.mark.req("EVT-05")
async def test_event_ids_go_on_above_those_of_the_lost_store(path: Path) -> None:
    await stored(path, *(event() for _ in range(50)))
    garbage(path)
    store = await open_store(path, FixedClock())
    first, _ = await store.event_ids()
    assert first > 50
    await store.close()


async def test_the_log_beside_a_damaged_store_goes_with_it(path: Path) -> None:
    """A write-ahead log that is left for another file would be written into it."""
    await left_by_a_kill(path, kept(), event())
    garbage(path)
    before = {name.removeprefix(path.name): it[0] for name, it in contents(path.parent).items()}
    store = await open_store(path, FixedClock())
    aside = (await store.load()).notes["rebuilt"]["aside"]
    await store.close()
    after = {name.removeprefix(aside): it[0] for name, it in contents(path.parent).items() if aside in name}
    assert set(before) - {TRACE} == set(after) == {"", "-wal", "-shm"}
    assert {end: after[end] for end in ("", "-wal")} == {end: before[end] for end in ("", "-wal")}


@pytest.mark.req("CORE-27")
async def test_a_store_that_somebody_has_deleted_is_missed(path: Path) -> None:
    await stored(path, kept())
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    store = await open_store(path, FixedClock())
    assert "is gone, though a store was here" in (await store.load()).notes["rebuilt"]["reason"]
    await store.close()


async def test_damage_twice_keeps_both(path: Path) -> None:
    for _ in range(2):
        await stored(path, kept())
        garbage(path)
    await stored(path, kept())
    aside = sorted(file.name for file in path.parent.iterdir() if "corrupt" in file.name)
    assert aside == ["holdfast.db.corrupt-20261121T123015Z", "holdfast.db.corrupt-20261121T123015Z-1"]


async def test_what_people_decided_is_saved_from_the_wreck(path: Path) -> None:
    """Who the node is, and overrides: they cannot be had back from reality."""
    await stored(path, Note("node_id", "n-1"), STOP, kept(value="untouched"), *(event() for _ in range(9)))
    a_row_altered(path)
    store = await open_store(path, FixedClock())
    saved = await store.load()
    assert saved.notes["node_id"] == "n-1"
    assert saved.notes["rebuilt"]
    assert saved.overrides == [STOP]
    assert saved.inventory == {}
    await store.close()


async def test_a_row_that_lies_is_not_saved(path: Path) -> None:
    await stored(path, Note("node_id", "untouched"), Note("other", "whole"))
    a_row_altered(path)
    assert list(salvaged(path).writes) == [Note("other", "whole")]


async def test_a_store_that_is_gone_is_missed(path: Path) -> None:
    """Its name is free, but what lies beside it shows that there was one: nothing may be pruned."""
    await stored(path, kept())
    path.rename(path.with_name(f"{path.name}.corrupt-20260101T000000Z"))
    store = await open_store(path, FixedClock())
    assert "is gone" in (await store.load()).notes["rebuilt"]["reason"]
    await store.close()


async def test_a_rebuilding_that_was_cut_short_is_finished(path: Path) -> None:
    """The new store stands beside the damaged one, of which only the helper files were moved yet."""
    await left_by_a_kill(path, kept())
    make(path.with_name(f"{path.name}.rebuilt"))
    path.with_name(f"{path.name}-wal").unlink()
    store = await open_store(path, FixedClock())
    assert (await store.load()).inventory == {}
    await store.close()
    assert not path.with_name(f"{path.name}.rebuilt").exists()
    assert path.with_name("holdfast.db.corrupt-20261121T123015Z").exists()


async def test_a_making_that_was_cut_short_is_begun_anew(path: Path) -> None:
    path.with_name(f"{path.name}.new").write_bytes(b"half of a store")
    store = await open_store(path, FixedClock())
    assert (await store.load()).notes == {}
    await store.close()
    assert {file.name for file in path.parent.iterdir()} == {path.name, TRACE}


async def test_damaged_history_is_shown_as_such_and_hides_nothing_else(path: Path) -> None:
    await stored(path, *(event(name="untouched") for _ in range(9)), planned(WEB, step="untouched"))
    a_row_altered(path)
    store = await open_store(path, FixedClock())  # history is too long to be read at each start
    assert "rebuilt" not in (await store.load()).notes
    found = await store.events(0, 10)
    assert [one.id for one in found] == list(range(1, 10))
    assert {one.name for one in found} == {"store.damaged"}
    assert "not as it was written" in found[0].data["reason"]
    with pytest.raises(Corrupt) as caught:
        await store.plans(WEB, 10)
    assert "nothing is decided by it" in caught.value.remedy
    await store.close()


# ------------------------------------------------------------------------------------------ refusals


async def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    await stored(path, kept())
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", sealed(99, "from the future"))
    connection.close()
    before = contents(path.parent)
    with pytest.raises(Refused, match="newer Holdfast") as caught:
        await open_store(path, FixedClock())
    assert caught.value.remedy
    assert contents(path.parent) == before


async def test_a_folder_in_its_place_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(Invalid, match="is a folder"):
        await open_store(path, FixedClock())


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is no folder"):
        await open_store(tmp_path / "nowhere" / "holdfast.db", FixedClock())


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that another user reaches too; the test goes on as that one, where it began as root."""
    with tempfile.TemporaryDirectory(prefix="holdfast-test-") as name:
        folder = Path(name) / "data"
        Path(name).chmod(0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        folder.mkdir()
        try:
            yield folder
        finally:
            folder.chmod(0o777)
            if root:
                os.seteuid(0)


@pytest.mark.parametrize(
    ("name", "mode", "word"),
    [
        pytest.param("holdfast.db", 0o000, "holdfast.db", id="no right at all"),
        pytest.param("holdfast.db", 0o444, "holdfast.db", id="read only"),
        pytest.param("holdfast.db-wal", 0o000, "holdfast.db-wal", id="the log"),
        pytest.param(".", 0o555, "data", id="the folder"),
    ],
)
async def test_a_missing_right_is_named(shared: Path, name: str, mode: int, word: str) -> None:
    path = shared / "holdfast.db"
    await left_by_a_kill(path, kept())
    (shared / name).chmod(mode)
    with pytest.raises(Refused, match=f"may not write to .*{word}") as caught:
        await open_store(path, FixedClock())
    assert "user" in caught.value.remedy
    (shared / name).chmod(0o777)
    store = await open_store(path, FixedClock())
    assert set((await store.load()).inventory) == {WEB}
    assert "rebuilt" not in (await store.load()).notes
    await store.close()


async def test_a_folder_that_may_not_be_entered_is_named(shared: Path) -> None:
    shared.chmod(0o000)
    with pytest.raises(Refused, match="Permission denied"):
        await open_store(shared / "holdfast.db", FixedClock())


async def test_a_clock_without_an_end_does_not_hold_up_the_opening(path: Path) -> None:
    """The look through a large file is cut off when its time is over, and that is no damage."""

    class HastyClock(FixedClock):
        def __init__(self) -> None:
            self.asked = 0

        def monotonic(self) -> float:
            self.asked += 1
            return 1000.0 * self.asked

    await stored(path, *(event(number=n) for n in range(20_000)))
    clock = HastyClock()
    store = await open_store(path, clock)
    assert clock.asked == 2
    assert await store.event_ids() == (1, 20_000)
    await store.close()


# ----------------------------------------------------------------------------- older, and rebuilt anew


def services(path: Path) -> list[tuple[object, ...]]:
    """As a person with a shell sees them."""
    with sqlite3.connect(path) as shell:
        found = shell.execute("SELECT namespace, name, ready, memory_bytes FROM services").fetchall()
    shell.close()
    return found


@pytest.mark.req("CORE-28", "CORE-29")
async def test_an_older_store_walks_to_todays_schema_with_all_that_is_in_it(path: Path) -> None:
    writes = [one for one in one_of_each() if not isinstance(one, Sampled)]
    older(path, *writes)
    store = await open_store(path, FixedClock())
    saved = await store.load()
    assert "rebuilt" not in saved.notes
    assert list(saved.inventory.values()) == [one for one in writes if isinstance(one, Kept)]
    await store.commit(judged(), sampled())
    assert await store.samples(WEB, NOW, NOW, 9) == [sampled()]
    await store.close()
    assert ("default", "web", 1, 5 << 20) in services(path)


@pytest.mark.req("CORE-29")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_rebuilt_store_has_a_place_for_what_services_use(
    path: Path, damage: Callable[[Path], None]
) -> None:
    await stored(path, kept(WORN, value="untouched"), sampled(), *(event() for _ in range(400)))
    damage(path)
    store = await open_store(path, FixedClock())
    assert "rebuilt" in (await store.load()).notes
    assert await store.samples(WEB, NOW, NOW, 9) == []
    await store.commit(kept(), judged(), sampled())
    assert await store.samples(WEB, NOW, NOW, 9) == [sampled()]
    await store.close()
    assert services(path) == [("default", "web", 1, 5 << 20)]
