"""The inbox keeps what was applied: in sets, whole or not at all, with the files that belong to it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from reconciler.errors import Conflict, Corrupt, Failed, Invalid, NotFound
from reconciler.model import Ref
from reconciler.ports.sources import SourceConfig
from reconciler.runtime.clock import SystemClock
from reconciler.sources.inbox import Batch, Document, Inbox
from reconciler.sources.inbox_feed import InboxFeed


def ref(name: str, kind: str = "Key") -> Ref:
    return Ref(kind, "default", name)


def batch(name: str, *names: str, text: str = "x", prune: bool = False, allow_prune: bool = False) -> Batch:
    documents = [Document(ref(one), f"{one}: {text}\n") for one in names]
    return Batch(name, documents, {}, prune=prune, allow_prune=allow_prune)


def files(inbox: Inbox) -> dict[str, str]:
    current = inbox.folder / "current"
    return {
        path.relative_to(current).as_posix(): path.read_text()
        for part in current.iterdir()
        for path in part.resolve().rglob("*")
        if path.is_file()
        for path in [current / part.name / path.relative_to(part.resolve())]
    }


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    inbox = Inbox(tmp_path / "inbox")
    inbox.prepare()
    return inbox


@pytest.mark.req("CORE-01")
async def test_a_document_is_a_file_of_its_own_as_it_was_written(inbox: Inbox) -> None:
    text = "# who wrote this?\nkind: Key   # a comment\n"
    await inbox.put(Batch("shop", [Document(ref("release"), text)], {}))
    assert files(inbox) == {"shop/Key@default@release.yaml": text}
    assert inbox.members("shop") == {ref("release")}
    assert inbox.find(ref("release")) == "shop"
    assert inbox.find(ref("other")) is None


@pytest.mark.req("CORE-01")
async def test_files_go_with_the_last_document_of_their_set(inbox: Inbox) -> None:
    beside = {"web.yaml": b"kind: Key"}
    await inbox.put(Batch("shop", [Document(ref("a"), "a"), Document(ref("b"), "b")], beside))
    await inbox.put(Batch("other", [Document(ref("c"), "c")], beside))
    await inbox.delete([ref("a")])
    assert files(inbox).keys() >= {"shop/web.yaml", "other/web.yaml"}
    await inbox.delete([ref("b")])
    assert files(inbox).keys() == {"other/web.yaml", "other/Key@default@c.yaml"}


@pytest.mark.req("CORE-01")
async def test_files_that_manifests_refer_to_lie_where_they_are_looked_for(inbox: Inbox) -> None:
    document = Document(ref("tide", "Package"), "path: ./dist", folder="apps/tide")
    await inbox.put(Batch("shop", [document], {"apps/tide/dist/index.html": b"<p>", "ops/.env": b"A=1"}))
    assert files(inbox) == {
        "shop/apps/tide/Package@default@tide.yaml": "path: ./dist",
        "shop/apps/tide/dist/index.html": "<p>",
        "shop/ops/.env": "A=1",
    }


@pytest.mark.req("CORE-01")
async def test_apply_adds_and_replaces_and_removes_nothing(inbox: Inbox) -> None:
    await inbox.put(batch("shop", "a", "b"))
    assert await inbox.put(batch("shop", "b", "c", text="y")) == frozenset()
    assert inbox.members("shop") == {ref("a"), ref("b"), ref("c")}
    assert files(inbox)["shop/Key@default@b.yaml"] == "b: y\n"


@pytest.mark.req("CORE-01")
async def test_prune_removes_only_what_the_same_set_applied(inbox: Inbox) -> None:
    await inbox.put(batch("shop", "a", "b"))
    await inbox.put(batch("blog", "c"))
    assert await inbox.put(batch("shop", "b", prune=True)) == {ref("a")}
    assert inbox.members("shop") == {ref("b")}
    assert inbox.members("blog") == {ref("c")}
    assert await inbox.put(batch("shop", prune=True)) == {ref("b")}
    assert inbox.members("shop") == frozenset()
    assert inbox.members("blog") == {ref("c")}


@pytest.mark.req("CORE-01")
async def test_a_document_that_moves_between_folders_is_not_doubled(inbox: Inbox) -> None:
    await inbox.put(Batch("shop", [Document(ref("a"), "1", folder="old")], {}))
    await inbox.put(Batch("shop", [Document(ref("a"), "2", folder="new")], {}))
    assert files(inbox) == {"shop/new/Key@default@a.yaml": "2"}


@pytest.mark.req("CORE-01", "CORE-09")
async def test_a_ref_belongs_to_one_set(inbox: Inbox) -> None:
    await inbox.put(batch("shop", "a"))
    with pytest.raises(Conflict, match="key/a was applied with the set 'shop'"):
        await inbox.put(batch("blog", "a", "b"))
    assert inbox.besides([]) == {ref("a")}, "all or nothing"


@pytest.mark.req("CORE-01")
async def test_deleting_takes_all_or_nothing(inbox: Inbox) -> None:
    await inbox.put(batch("shop", "a", "b"))
    await inbox.put(batch("blog", "c"))
    with pytest.raises(NotFound, match="key/never is not in the inbox"):
        await inbox.delete([ref("a"), ref("never")])
    assert inbox.members("shop") == {ref("a"), ref("b")}
    await inbox.delete([ref("a"), ref("c")])
    assert inbox.besides([]) == {ref("b")}
    await inbox.delete([ref("b")])
    assert inbox.besides([]) == frozenset()


@pytest.mark.req("CORE-01")
async def test_a_set_that_is_not_touched_stays_the_very_folder(inbox: Inbox) -> None:
    """A process may run in it."""
    await inbox.put(batch("shop", "a", "b"))
    before = (inbox.folder / "current" / "shop").stat().st_ino
    await inbox.put(batch("blog", "c", "d"))
    await inbox.put(batch("shop", "a", text="replaced in place"))
    assert (inbox.folder / "current" / "shop").stat().st_ino == before


@pytest.mark.req("CORE-01")
async def test_applying_the_same_again_touches_nothing(inbox: Inbox) -> None:
    await inbox.put(batch("shop", "a", "b"))

    def stamps() -> dict[str, int]:
        return {str(path): path.lstat().st_ctime_ns for path in inbox.folder.rglob("*")}

    before = stamps()
    await inbox.put(batch("shop", "a", "b"))
    await inbox.put(batch("shop", "a", "b", prune=True))
    assert stamps() == before


@pytest.mark.req("CORE-01")
async def test_writers_wait_for_one_another(inbox: Inbox) -> None:
    other = Inbox(inbox.folder)  # as another process would have it
    writers = [
        (inbox, other)[number % 2].put(batch(f"s{number % 5}", f"a{number}", f"b{number}"))
        for number in range(40)
    ]
    await asyncio.gather(*writers)
    assert {one.name for one in inbox.besides([])} == {
        f"{letter}{number}" for letter in "ab" for number in range(40)
    }


@pytest.mark.req("CORE-01")
async def test_whoever_reads_meanwhile_sees_one_apply_or_the_next(inbox: Inbox) -> None:
    names = [f"n{number}" for number in range(20)]
    config = SourceConfig("inbox", "inbox", str(inbox.folder))
    feed = InboxFeed(config, SystemClock())
    await inbox.put(batch("shop", *names, text="0"))
    writing = True

    async def write() -> None:
        nonlocal writing
        for number in range(1, 30):
            await inbox.put(batch("shop", *names, text=str(number), prune=number % 2 == 0))
        writing = False

    async def read() -> int:
        seen = 0
        while writing:
            fetched = await feed.latest()
            assert len(fetched.paths) == 20
            try:
                texts = {fetched.tree.read(path).decode().partition(":")[2] for path in fetched.paths}
            except Conflict:
                continue  # the next one came while it was read, and that was noticed
            assert len(texts) == 1
            seen += 1
        return seen

    try:
        _, seen = await asyncio.gather(write(), read())
    finally:
        await feed.close()
    assert seen


@pytest.mark.req("CORE-01")
async def test_an_allowed_removal_is_allowed_for_this_revision_only(inbox: Inbox) -> None:
    feed = InboxFeed(SourceConfig("inbox", "inbox", str(inbox.folder)), SystemClock())
    try:
        await inbox.put(batch("shop", "a", "b"))
        assert not (await feed.latest()).allow_prune
        await inbox.put(batch("shop", "a", prune=True, allow_prune=True))
        assert (await feed.latest()).allow_prune
        await inbox.put(batch("shop", "c"))
        assert not (await feed.latest()).allow_prune
        await inbox.delete([ref("a")], allow_prune=True)
        assert (await feed.latest()).allow_prune
    finally:
        await feed.close()


@pytest.mark.req("CORE-01")
@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (Batch("../up", [], {}), "'../up' names no set"),
        (Batch("", [], {}), "'' names no set"),
        (Batch("s", [], {"../../etc/passwd": b""}), "leads out"),
        (Batch("s", [], {"/etc/passwd": b""}), "leads out"),
        (Batch("s", [], {"a\0b": b""}), "no file's name"),
        (Batch("s", [], {"a\nb": b""}), "no file's name"),
        (Batch("s", [], {"a\ud800": b""}), "no file's name"),
        (Batch("s", [], {"x" * 300: b""}), "too long"),
        (Batch("s", [Document(ref("x" * 300), "")], {}), "too long"),
        (Batch("s", [Document(ref("a"), ""), Document(ref("a"), "")], {}), "key/a stands twice"),
        (Batch("s", [], {"d/Key@default@a.yaml": b""}), "as the inbox names its documents"),
    ],
)
async def test_what_cannot_be_written_is_refused(inbox: Inbox, broken: Batch, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        await inbox.put(broken)
    assert files(inbox) == {}


@pytest.mark.req("CORE-01")
async def test_any_name_a_resource_can_have_is_a_file(inbox: Inbox) -> None:
    strange = Ref("Widget.example.com", "a/b", "tide@1.4 ü/../x")
    await inbox.put(Batch("s", [Document(strange, "x")], {}))
    assert inbox.members("s") == {strange}


@pytest.mark.req("CORE-01")
async def test_a_file_where_a_folder_is_needed_changes_nothing(inbox: Inbox) -> None:
    await inbox.put(Batch("s", [Document(ref("a"), "1")], {"data": b"file"}))
    with pytest.raises(Failed, match="cannot be written"):
        await inbox.put(Batch("s", [Document(ref("b"), "1")], {"data/inside": b""}))
    assert files(inbox) == {"s/Key@default@a.yaml": "1", "s/data": "file"}
    await inbox.put(Batch("s", [Document(ref("b"), "1")], {}))
    assert inbox.members("s") == {ref("a"), ref("b")}


@pytest.mark.req("CORE-01")
async def test_nobody_else_can_read_it(inbox: Inbox) -> None:
    await inbox.put(Batch("s", [Document(ref("a"), "1")], {"data": b"file"}))
    for path in (inbox.folder, *inbox.folder.rglob("*")):
        assert path.is_symlink() or path.stat().st_mode & 0o077 == 0, path


@pytest.mark.req("CORE-01")
@pytest.mark.parametrize("lost", [("current",), (".generations",), (".generations", ".parts"), ("",)])
async def test_what_has_lost_its_pointer_is_damaged_and_not_empty(
    inbox: Inbox, lost: tuple[str, ...]
) -> None:
    """A copy without links, or without what begins with a dot."""
    await inbox.put(batch("s", "a", "b"))
    for gone in (inbox.folder / name for name in lost):
        gone.unlink() if gone.is_symlink() else shutil.rmtree(gone)
    for act in (lambda: inbox.put(batch("s", "c")), lambda: inbox.delete([ref("a")])):
        with pytest.raises(Corrupt, match="has lost what 'current' in it pointed to"):
            await act()
    with pytest.raises(Corrupt, match="has lost"):
        inbox.prepare()
    assert len(list(inbox.folder.rglob("*.yaml"))) == (0 if {".parts", ""} & {*lost} else 2)
    shutil.rmtree(inbox.folder)
    (inbox.folder.parent / ".inbox-was-here").unlink()
    await inbox.put(batch("s", "c"))
    assert inbox.members("s") == {ref("c")}
