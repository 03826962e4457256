"""What is kept of a folder's revision, and that it never looks smaller than it was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import Missing
from reconciler.runtime.clock import SystemClock
from reconciler.sources.history import HELD, LOOK_BACK, History, Memory
from reconciler.sources.listing import Listing, read
from reconciler.sources.live_tree import LiveTree
from reconciler.sources.stored_tree import KEPT_BYTES, contents, recalled
from reconciler.store.memory import MemoryStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def lying(folder: Path) -> tuple[Listing, LiveTree]:
    listing = read(folder, (".",), Listing())
    return listing, LiveTree(folder, listing)


@pytest.mark.req("CORE-04")
def test_a_kept_revision_is_the_revision(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "apps").mkdir(parents=True)
    (folder / "apps" / "a.yaml").write_text("a: 1")
    (folder / "data").write_bytes(b"\xff\x00")
    listing, live = lying(folder)
    fetched = recalled(listing.revision, contents(live), tmp_path / "scratch", NOON)
    assert dict(fetched.paths) == listing.digests
    for path in ("apps", "data", "."):
        assert fetched.tree.digest(path) == live.digest(path)
    assert fetched.tree.read("./data") == b"\xff\x00"
    exported = Path(fetched.tree.folder("apps"))
    assert (exported / "a.yaml").read_text() == "a: 1"
    del fetched
    assert not exported.exists(), "the folder goes with the tree"


@pytest.mark.req("CORE-04")
def test_what_is_too_large_to_keep_is_missed_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    with (tmp_path / "disk.img").open("wb") as large:
        large.truncate(KEPT_BYTES)
    listing, live = lying(tmp_path)
    kept = contents(live)
    assert kept["a.yaml"] == b"a: 1"
    assert "disk.img" not in kept
    fetched = recalled(listing.revision, kept, tmp_path / "scratch", NOON)
    assert dict(fetched.paths) == listing.digests
    assert fetched.tree.read("a.yaml") == b"a: 1"
    with pytest.raises(Missing, match=r"disk\.img is not among the files that were kept"):
        fetched.tree.read("disk.img")


@pytest.mark.req("CORE-04")
def test_a_file_that_changed_while_it_was_kept_is_missed_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    listing, live = lying(tmp_path)
    (tmp_path / "a.yaml").write_text("a: 2")
    fetched = recalled(listing.revision, contents(live), tmp_path / "scratch", NOON)
    assert fetched.paths == listing.digests
    with pytest.raises(Missing, match=r"a\.yaml is not among"):
        fetched.tree.read("a.yaml")
    with pytest.raises(Missing):
        fetched.tree.digest("never")


@pytest.mark.req("CORE-04")
async def test_a_node_that_runs_for_long_knows_no_more_than_one_that_has_just_started(tmp_path: Path) -> None:
    history = History("root", Memory(MemoryStore(), SystemClock(), tmp_path))
    for number in range(LOOK_BACK + 50):
        await history.takes_force(f"dir:{number}", None)
    assert len(history.applied) == LOOK_BACK
    for number in range(LOOK_BACK + 50):
        await history.held(f"bad:{number}", HELD, "")
    assert history.applied == (f"dir:{LOOK_BACK + 49}",), "it is in force, whatever came after it"
    assert history.outcome("bad:0") == ""
    assert history.outcome(f"bad:{LOOK_BACK + 49}") == HELD
