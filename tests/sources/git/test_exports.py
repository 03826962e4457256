"""Real folders made of a commit's: whole or not there, inside themselves, and gone when nobody needs them."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from reconciler.errors import Failed, Missing, Refused, TooLarge
from reconciler.sources.git import exports
from reconciler.sources.git.exports import Exports
from reconciler.sources.git.objects import FOLDER, LINK
from reconciler.sources.git.tree import GitTree
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.memory import FILE, Leaf, Memory, Shape, link, program, record, submodule
from tests.sources.git.repository import Repository
from tests.sources.git.test_listing import SHAPES

pytestmark = pytest.mark.req("CORE-01")

SHAPE: Shape = {
    "run.sh": program(b"#!/bin/sh\n"),
    "doc": {"readme": Leaf(b"read me"), ".hidden": {"x": Leaf(b"x")}},
    "latest": link("doc/readme"),
    "up": {"down": link("../doc")},
    "nothing": link("not/there"),
    "module": submodule(),
    "b\udcff": Leaf(b"a name of bytes"),
}


def content(folder: Path) -> dict[bytes, tuple[int, bytes]]:
    """All that is in a folder: each file's permissions and bytes, each link's target."""
    found = {}
    for at, folders, files in os.walk(os.fsencode(folder)):
        for name in files + [each for each in folders if os.path.islink(os.path.join(at, each))]:  # noqa: PTH114, PTH118
            path = os.path.join(at, name)  # noqa: PTH118 - names of bytes are beyond Path
            key = os.path.relpath(path, os.fsencode(folder))
            if os.path.islink(path):  # noqa: PTH114
                found[key] = (LINK, os.readlink(path))  # noqa: PTH115
            else:
                with open(path, "rb") as file:  # noqa: PTH123
                    found[key] = (os.fstat(file.fileno()).st_mode & 0o777, file.read())
    return found


EXPECTED = {
    b"run.sh": (0o755, b"#!/bin/sh\n"),
    b"doc/readme": (0o644, b"read me"),
    b"doc/.hidden/x": (0o644, b"x"),
    b"latest": (LINK, b"doc/readme"),
    b"up/down": (LINK, b"../doc"),
    b"nothing": (LINK, b"not/there"),
    b"b\xff": (0o644, b"a name of bytes"),
}


@pytest.fixture(params=[0o022, 0o077, 0o000], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_folder_is_exported_as_it_is(tmp_path: Path) -> None:
    objects = Memory()
    tree = objects.put(SHAPE)
    folder = Exports(tmp_path / "exports").folder(objects, tree)
    assert folder == tmp_path / "exports" / tree
    assert content(folder) == EXPECTED
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "doc/.hidden")] == [0o755, 0o755]
    assert [path.name for path in (tmp_path / "exports").iterdir()] == [tree]


def test_the_same_content_is_the_same_folder_and_is_not_written_again(tmp_path: Path) -> None:
    objects = Memory()
    tree = objects.put(SHAPE)
    first = Exports(tmp_path).folder(objects, tree)
    before = (first / "run.sh").stat()
    again = Exports(tmp_path).folder(objects, tree)
    assert (again, (again / "run.sh").stat()) == (first, before)


@pytest.mark.parametrize("spoil", ["append", "add", "remove", "mode", "link", "folder", "empty", "same size"])
def test_what_somebody_wrote_into_is_made_anew(tmp_path: Path, spoil: str) -> None:
    objects = Memory()
    tree = objects.put(SHAPE)
    exported = Exports(tmp_path)
    folder = exported.folder(objects, tree)
    match spoil:
        case "append":
            with (folder / "run.sh").open("a") as file:
                file.write("rm -rf /\n")
        case "add":
            (folder / "doc/extra").touch()
        case "remove":
            (folder / "doc/readme").unlink()
        case "mode":
            (folder / "doc/readme").chmod(0o777)
        case "link":
            (folder / "latest").unlink()
            (folder / "latest").symlink_to("run.sh" + "s" * 4)
        case "folder":
            subprocess.run(["rm", "-r", folder], check=True)
            folder.touch()
        case "empty":
            (folder / "doc/readme").write_bytes(b"")
        case _:
            (folder / "doc/readme").write_bytes(b"READ ME")
    assert exported.folder(objects, tree) == folder
    assert content(folder) == EXPECTED


@pytest.mark.parametrize(
    "shape",
    [
        {"x": link("..")},
        {"x": link("/etc")},
        {"d": {"x": link("../..")}},
        {"here": link("."), "x": link("here/..")},
        {"here": link("d/e"), "d": {"e": {"f": Leaf(b"")}}, "x": link("here/../../..")},
        {"a": link("b"), "b": link("a/../..")},
        {"a": link("a")},
    ],
    ids=str,
)
def test_a_link_that_leaves_the_folder_refuses_it(tmp_path: Path, shape: Shape) -> None:
    objects = Memory()
    with pytest.raises(Refused, match="cannot be exported"):
        Exports(tmp_path / "exports").folder(objects, objects.put(shape))
    assert not (tmp_path / "exports").exists()


def test_a_link_inside_the_repository_may_leave_the_folder_that_is_exported(tmp_path: Path) -> None:
    objects = Memory()
    tree = GitTree(
        objects.put({"a": {"x": link("../b/x")}, "b": {"x": Leaf(b"b")}}), objects, Exports(tmp_path)
    )
    assert tree.read("a/x") == b"b"
    with pytest.raises(Refused, match=r"(?s)'x' leads out|cannot be exported.*holds both"):
        tree.folder("a")
    assert (Path(tree.folder(".")) / "a/x").read_bytes() == b"b"


@settings(max_examples=50, deadline=None)
@given(SHAPES)
def test_nothing_in_an_export_leads_out_of_it(shape: Shape) -> None:
    objects = Memory()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            folder = Exports(Path(scratch) / "exports").folder(objects, objects.put(shape))
        except Refused:
            return
        for at, folders, files in os.walk(folder):
            for name in (*folders, *files):
                assert (Path(at) / name).resolve().is_relative_to(folder.resolve())


def test_many_exporters_at_once_leave_one_whole_folder(tmp_path: Path) -> None:
    objects = Memory()
    tree = objects.put({f"{n}": {f"{m}": Leaf(b"%d" % m) for m in range(20)} for n in range(10)})
    exported = [Exports(tmp_path), Exports(tmp_path)]  # two share nothing but the disk, as two processes do
    found: list[int] = []

    def export(number: int) -> None:
        found.append(len(content(exported[number % 2].folder(objects, tree))))

    threads = [threading.Thread(target=export, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 12
    assert [path.name for path in tmp_path.iterdir()] == [tree]


def test_too_much_is_refused_unread(tmp_path: Path) -> None:
    class Huge(Memory):
        def size(self, blob: str) -> int:
            return exports.MAX_FILE + 1

    objects = Huge()
    with pytest.raises(TooLarge, match=r"at 'disk\.img'"):
        Exports(tmp_path).folder(objects, objects.put({"disk.img": Leaf(b"")}))


def test_a_bomb_is_given_up(tmp_path: Path) -> None:
    objects = Memory()
    tree = objects.put({f"{n}": Leaf(b"") for n in range(10)})
    for _ in range(9):
        tree = objects.put_raw(b"".join(record(b"%d" % n, FOLDER, tree) for n in range(10)))
    with pytest.raises(TooLarge, match="100,000 files"):
        Exports(tmp_path).folder(objects, tree)


def test_a_disk_that_says_no_in_the_middle_leaves_nothing_half_done(tmp_path: Path) -> None:
    objects = Memory()
    shape = {"a": Leaf(b"a"), "z" * 300: Leaf(b"z")}
    tree = objects.put(shape)
    with pytest.raises(Failed, match=r"cannot be written: File name too long"):
        Exports(tmp_path).folder(objects, tree)
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_kept_stays(tmp_path: Path) -> None:
    objects = Memory()
    kept = {"app": {"x": Leaf(b"1")}}
    first = objects.put({"dist": kept, "old": {"y": Leaf(b"2")}})
    second = objects.put({"elsewhere": {"dist": kept}, "new": {"z": Leaf(b"3")}})
    exported = Exports(tmp_path)
    trees = [GitTree(first, objects, exported), GitTree(second, objects, exported)]
    folders = [
        trees[0].folder("dist"),
        trees[0].folder("dist/app"),
        trees[0].folder("old"),
        trees[1].folder("new"),
    ]
    (tmp_path / ".new-left-by-a-kill/made").mkdir(parents=True)
    exported.collect(objects, [first, second])
    assert [Path(folder).is_dir() for folder in folders] == [True, True, True, True]
    assert len(list(tmp_path.iterdir())) == 4
    exported.collect(objects, [second])
    assert [Path(folder).is_dir() for folder in folders] == [True, True, False, True]
    exported.collect(objects, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("git")
async def test_a_feed_keeps_what_the_kept_revisions_need(repository: Repository, feed: FeedMaker) -> None:
    follow = feed()
    await follow.collect({"", "0" * 40})
    first = repository.commit({"dist/a": "1", "same/b": "b"})
    one = await follow.latest()
    repository.commit({"dist/a": "2"})
    two = await follow.latest(first)
    folders = [Path(one.tree.folder("dist")), Path(one.tree.folder("same")), Path(two.tree.folder("dist"))]
    await follow.collect({first, two.revision})
    assert all(folder.is_dir() for folder in folders)
    await follow.collect({two.revision, "0" * 40})
    assert all(folder.is_dir() for folder in folders), "a revision that is not here may need any of them"
    await follow.collect({two.revision, ""})
    assert [folder.is_dir() for folder in folders] == [False, True, True]
    assert Path(one.tree.folder("dist")).is_dir()


def test_the_doors_of_a_tree(tmp_path: Path) -> None:
    objects = Memory()
    tree = GitTree(objects.put(SHAPE), objects, Exports(tmp_path))
    assert tree.read("latest") == b"read me"
    assert tree.read("./doc//readme") == b"read me"
    assert tree.digest("run.sh").endswith("+x")
    assert tree.digest("up/down") == tree.digest("doc")
    assert Path(tree.folder("doc/readme")).read_bytes() == b"read me"
    assert Path(tree.folder("latest")).read_bytes() == b"read me"
    for path in ("nope", "doc/nope", "nothing", "run.sh/x"):
        with pytest.raises(Missing):
            tree.read(path)
        with pytest.raises(Missing):
            tree.folder(path)
    with pytest.raises(Refused, match="is a folder"):
        tree.read("doc")
    with pytest.raises(Refused, match="Source of its own"):
        tree.read("module")


def test_a_file_may_not_be_larger_than_memory_bears(tmp_path: Path) -> None:
    objects = Memory()
    tree = GitTree(objects.put({"x": Leaf(bytes((64 << 20) + 1), FILE)}), objects, Exports(tmp_path))
    with pytest.raises(TooLarge):
        tree.read("x")
