"""A folder is followed: what is right is in force, what is wrong is told, and a restart forgets nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reconciler.errors import Missing
from reconciler.model import Ref
from reconciler.store.memory import MemoryStore
from tests.sources.supervisor.house import opened


def write(folder: Path, name: str, text: str) -> None:
    """As careful editors save."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.swp"
    draft.write_text(text)
    draft.rename(folder / name)


@pytest.mark.req("CORE-01", "CORE-04")
async def test_a_change_in_the_folder_is_taken_into_force(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: first")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: house.inputs() == {"one": "first"})
        await house.until(lambda: house.reason("root") == "Applied")
        write(folder, "b.yaml", "two: second")
        await house.until(lambda: house.inputs() == {"one": "first", "two": "second"})
        (folder / "a.yaml").unlink()
        await house.until(lambda: house.inputs() == {"two": "second"})


@pytest.mark.req("CORE-04", "TST-47")
async def test_partial_keeps_the_last_good_version_of_what_is_broken(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: first\ntwo: second")
    write(folder, "b.yaml", "three: third")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: len(house.inputs()) == 3)
        write(folder, "a.yaml", "one: [broken]\ntwo: changed")
        write(folder, "b.yaml", "four: fourth")
        expected = {"one": "first", "two": "changed", "three": "third", "four": "fourth"}
        await house.until(lambda: house.inputs() == expected)
        await house.until(lambda: house.reason("root") == "Incomplete")
        state = await house.state("root", problems=("a.yaml:1:1: one: is broken",))
        assert state.revision == state.seen_revision
        write(folder, "a.yaml", "one: mended\ntwo: changed")
        await house.until(lambda: house.inputs() == {"one": "mended", "two": "changed", "four": "fourth"})


@pytest.mark.req("CORE-04", "TST-47")
async def test_hold_keeps_the_whole_last_good_revision(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: first")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(folder)}, "onInvalid": "hold"})
        good = (await house.state("root", resources=1)).revision
        write(folder, "a.yaml", "one: [broken]\ntwo: second")
        state = await house.state("root", held="Invalid")
        assert state.revision == good != state.seen_revision
        assert house.inputs() == {"one": "first"}
        await house.until(lambda: house.reason("root") == "Invalid")
        write(folder, "a.yaml", "one: second")
        await house.state("root", held="")
        await house.until(lambda: house.inputs() == {"one": "second"})


@pytest.mark.req("CORE-04", "TST-47")
@pytest.mark.parametrize("on_invalid", ["hold", "partial"])
async def test_a_restart_while_a_manifest_is_broken_loses_nothing(tmp_path: Path, on_invalid: str) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    root = {"directory": {"path": str(folder)}, "onInvalid": on_invalid}
    write(folder, "a.yaml", "one: first\ntwo: second")
    write(folder, "b.yaml", "three: third")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=root)
        await house.until(lambda: len(house.inputs()) == 3)
        write(folder, "a.yaml", "one: [broken]\ntwo: changed")
        await house.until(lambda: bool(house.known("root").problems))
    expected = {"one": "first", "two": "second", "three": "third"}
    if on_invalid == "partial":
        expected["two"] = "changed"
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=root)
        await house.until(lambda: house.inputs() == expected)


@pytest.mark.req("CORE-04")
async def test_a_restart_without_the_folder_goes_on_with_what_was_in_force(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    write(folder, "a.yaml", "one: first")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: house.inputs() == {"one": "first"})
    folder.rename(tmp_path / "elsewhere")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: house.inputs() == {"one": "first"})
        assert str(folder) in (await house.state("root", resources=1)).error
        (tmp_path / "elsewhere").rename(folder)
        await house.state("root", error="")


@pytest.mark.req("CORE-04")
async def test_an_unchanged_folder_writes_nothing(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    write(folder, "a.yaml", "one: first")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: house.reason("root") == "Applied" and house.engine.idle)
        await house.until(lambda: house.status("Probe", "one") is not None)
        await house.read("root")
        revisions = await store.revisions("root", 10)
        assert [one.outcome for one in revisions] == ["ready"]
        before = await store.dump()
        await house.read("root")
        assert await store.dump() == before


@pytest.mark.req("CORE-04")
async def test_a_removal_of_too_much_waits_until_it_is_allowed(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "\n".join(f"p{number}: here" for number in range(10)))
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: len(house.inputs()) == 10)
        await house.until(lambda: house.engine.idle)
        write(folder, "a.yaml", "p1: here")
        state = await house.state("root", held="PruneBudget")
        assert "9 of" in state.problems[0]
        assert len(house.inputs()) == 10
        await house.until(lambda: house.reason("root") == "PruneBudget")


@pytest.mark.req("CORE-04")
async def test_a_suspended_source_stays_as_it_is_through_a_restart(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    root = {"directory": {"path": str(folder)}}
    write(folder, "a.yaml", "one: first")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=root)
        await house.until(lambda: house.inputs() == {"one": "first"})
        await house.declare(root={**root, "suspend": True})
        await house.until(lambda: house.reason("root") == "Suspended")
        write(folder, "a.yaml", "one: second")
        await house.read("root")
        assert house.inputs() == {"one": "first"}
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root={**root, "suspend": True})
        await house.until(lambda: house.inputs() == {"one": "first"})
        await house.declare(root=root)
        await house.until(lambda: house.inputs() == {"one": "second"})


@pytest.mark.req("CORE-01")
async def test_a_file_beside_the_manifests_wakes_those_that_may_read_it(tmp_path: Path) -> None:
    """The resource itself is the same as before; the tree that it looks through is not."""
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: reads")
    write(folder, "data.txt", "first")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: house.probe.read == {"one": b"first"})
        want = house.engine.wishes.wants[Ref("Probe", "default", "one")]
        write(folder, "data.txt", "second")
        await house.until(lambda: house.probe.read == {"one": b"second"})
        assert want.origin.tree is not None
        assert want.origin.tree.read("data.txt") == b"second"
        assert Path(want.origin.tree.folder("data.txt")) == folder / "data.txt"
        assert want.origin.tree.digest("data.txt") == hashlib.sha256(b"second").hexdigest()


@pytest.mark.req("CORE-04")
async def test_a_revision_out_of_the_store_has_its_files_too(tmp_path: Path) -> None:
    folder, store, scratch = tmp_path / "manifests", MemoryStore(), tmp_path / "scratch"
    write(folder, "a.yaml", "one: reads")
    write(folder, "data.txt", "first")
    async with opened(store, scratch) as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: house.probe.read == {"one": b"first"})
    folder.rename(tmp_path / "elsewhere")
    async with opened(store, scratch) as house:
        await house.declare(root={"directory": {"path": str(folder)}})
        await house.until(lambda: house.probe.read == {"one": b"first"})
        tree = house.engine.wishes.wants[Ref("Probe", "default", "one")].origin.tree
        assert tree is not None
        exported = Path(tree.folder("."))
        assert (exported / "data.txt").read_text() == "first"
        assert exported.is_relative_to(scratch)
        assert tree.digest(".") == tree.digest("")
        with pytest.raises(Missing, match="never is not among the files that were kept"):
            tree.folder("never")
        (tmp_path / "elsewhere").rename(folder)
        await house.state("root", error="")
