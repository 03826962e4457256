"""A file that held manifests and is cut off, emptied or garbled is broken, and nobody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reconciler.model import JsonValue, Ref
from reconciler.ports.kinds import Kinds
from reconciler.ports.sources import SourceConfig, SourceState
from reconciler.runtime.clock import SystemClock
from reconciler.sources.directory import DirectoryFeed
from reconciler.sources.generations import CURRENT
from reconciler.sources.inbox import Batch, Document, Inbox
from reconciler.sources.reader import Reader
from reconciler.store.memory import MemoryStore
from tests.sources.supervisor.house import TIMEOUT_S, House, Probe, opened
from tests.sources.supervisor.test_follows import write

pytestmark = pytest.mark.req("CORE-04")

WEB = Ref("Probe", "default", "web")
MANIFEST = "apiVersion: holdfast.dev/v1\nkind: Probe\nmetadata: {name: %s}\nspec: {input: %s}\n"
DOCUMENTS = MANIFEST % ("one", "first") + "---\n" + MANIFEST % ("two", "first")

TORN = {
    "": "a.yaml:1:1: it is empty",
    "\n \n": "a.yaml:1:1: it is empty",
    "\ufeff": "a.yaml:1:1: it is empty",
    "---\n": "a.yaml:1:1: it is empty",
    "kind: [": "a.yaml:2:1: kind[0]: expected a value",
    "apiVe": "a.yaml:1:1: expected a mapping",
    "- a\n- list\n": "a.yaml:1:1: expected a mapping",
    "apiVersion:": "a.yaml:1:1: it has no apiVersion, and it was a manifest before",
    "apiVersion: hold": "a.yaml:1:1: its apiVersion is hold, and it was a manifest before",
    "metadata: {name: one}\nspec: {}\n": "a.yaml:1:1: it has no apiVersion, and it was a manifest before",
    "kind: Pro": "a.yaml:1:1: it has no apiVersion, and it was a manifest before",
    "# by hand\napiVersion: hold": "a.yaml:2:1: its apiVersion is hold",
    DOCUMENTS[:-60]: "a.yaml:6:1: ",
    "\0" * 20: "a.yaml:1:1: ",
}


def directory(folder: Path, on_invalid: str) -> dict[str, JsonValue]:
    return {"directory": {"path": str(folder)}, "onInvalid": on_invalid}


async def converged(house: House, folder: Path, on_invalid: str) -> None:
    write(folder, "a.yaml", DOCUMENTS)
    write(folder, "b.yaml", MANIFEST % ("three", "first"))
    await house.declare(root=directory(folder, on_invalid))
    await house.until(lambda: house.inputs() == {"one": "first", "two": "first", "three": "first"})


def told(state: SourceState) -> str:
    return "\n".join(state.problems)


@pytest.mark.parametrize("torn", TORN)
async def test_what_was_cut_off_keeps_its_last_good_version(tmp_path: Path, torn: str) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    async with opened(store, tmp_path / "scratch", written_out=True) as house:
        await converged(house, folder, "partial")
        write(folder, "a.yaml", torn)
        write(folder, "b.yaml", MANIFEST % ("three", "second"))
        state = await house.read("root")
        assert house.inputs() == {"one": "first", "two": "first", "three": "second"}, "the others go on"
        assert TORN[torn] in told(state)
    async with opened(store, tmp_path / "scratch", written_out=True) as house:
        await house.declare(root=directory(folder, "partial"))
        await house.until(lambda: house.inputs() == {"one": "first", "two": "first", "three": "second"})
        assert TORN[torn] in told(await house.read("root")), "the same after a restart"
        write(folder, "a.yaml", MANIFEST % ("one", "third"))
        assert not (await house.read("root")).problems
        assert house.inputs() == {"one": "third", "three": "second"}, "mended, and two was taken out of it"


@pytest.mark.parametrize("torn", TORN)
async def test_where_the_revision_waits_it_waits_for_what_was_cut_off(tmp_path: Path, torn: str) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    async with opened(store, tmp_path / "scratch", written_out=True) as house:
        await converged(house, folder, "hold")
    write(folder, "a.yaml", torn)  # while no node looked
    async with opened(store, tmp_path / "scratch", written_out=True) as house:
        await house.declare(root=directory(folder, "hold"))
        await house.until(lambda: house.inputs() == {"one": "first", "two": "first", "three": "first"})
        assert TORN[torn] in told(await house.state("root", held="Invalid")), "which is told to the end"


@pytest.mark.parametrize(
    "instead",
    [
        pytest.param("services: {web: {image: nginx}}\n", id="somebody else's, without an apiVersion"),
        pytest.param("apiVersion: apps/v1\nkind: Deployment\n", id="somebody else's"),
        pytest.param("# no more of it\n", id="a comment"),
        pytest.param(None, id="removed"),
    ],
)
async def test_what_was_given_up_is_removed(tmp_path: Path, instead: str | None) -> None:
    folder = tmp_path / "manifests"
    async with opened(MemoryStore(), tmp_path / "scratch", written_out=True) as house:
        await converged(house, folder, "partial")
        if instead is None:
            (folder / "a.yaml").unlink()
        else:
            write(folder, "a.yaml", instead)
        assert not (await house.read("root")).problems
        assert house.inputs() == {"three": "first"}


async def test_other_peoples_files_stay_theirs_readable_or_not(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    for number, text in enumerate(("", "kind: [", "apiVe", "kind: Pro", "{{ template }}")):
        write(folder, f"other-{number}.yaml", text)
    async with opened(store, tmp_path / "scratch", written_out=True) as house:
        await converged(house, folder, "hold")
        assert not house.known("root").problems


async def test_all_in_the_inbox_is_ours(tmp_path: Path) -> None:
    """Also for a command without a node, which follows no source."""
    inbox = Inbox(tmp_path / "inbox")
    await inbox.put(Batch("shop", [Document(WEB, MANIFEST % ("web", "first"))], {}, prune=False))
    reader = Reader(Kinds({"Probe": Probe()}))
    config = SourceConfig("inbox", "inbox", str(inbox.folder), paths=(CURRENT,))
    feed = DirectoryFeed(config, SystemClock())
    found = reader.snapshot(config, await feed.latest())
    assert list(found.resources) == [WEB]
    (file,) = (resource.origin.file for resource in found.resources.values())
    for torn in ("", "apiVersion: hold"):
        (inbox.folder / file).write_text(torn)
        torn_found = reader.snapshot(config, await feed.latest())
        assert [str(problem).partition(":")[0] for problem in torn_found.problems] == [file]
    await feed.close()


async def test_a_source_that_is_followed_no_more_knows_no_file(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    async with opened(store, tmp_path / "scratch", written_out=True) as house:
        await converged(house, folder, "hold")
        assert await store.note("manifests of root") == ["a.yaml", "b.yaml"]
        await house.declare()
        async with asyncio.timeout(TIMEOUT_S):
            while await store.note("manifests of root") is not None:  # noqa: ASYNC110 - its own pace
                await asyncio.sleep(0.001)
        assert not house.inputs()
