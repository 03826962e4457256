"""The bare repository on disk: what a kill or a bad disk leaves, and many fetches."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.errors import Corrupt, Problem, Unavailable
from reconciler.sources.git.mirror import Mirror
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.repository import Repository

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git")]


def mirror_of(data: Path) -> Path:
    [folder] = (data / "git").glob("*/mirror-*")
    return folder


async def test_what_a_kill_left_is_no_obstacle(
    repository: Repository, feed: FeedMaker, tmp_path: Path
) -> None:
    first = repository.commit({"a": "1"})
    await feed().latest()
    mirror = mirror_of(tmp_path / "data")
    for left in (
        "HEAD.lock",
        "config.lock",
        "refs/holdfast/incoming.lock",
        "refs/holdfast/given/default.lock",
    ):
        (mirror / left).touch()
    (mirror / "objects/pack/pack_git2_0815").write_bytes(b"PACK")
    (mirror / "objects/pack/.new-x").mkdir()
    (mirror.parent / ".new-y").mkdir()
    (mirror.parent / "mirror-z").mkdir()
    second = repository.commit({"a": "2"})
    fetched = await feed().latest(first)
    assert (fetched.revision, fetched.tree.read("a")) == (second, b"2")
    assert not [*mirror.parent.rglob(".new-*"), *mirror.rglob("*.lock"), *mirror.rglob("pack_git2_*")]


async def test_what_a_killed_fetch_left_is_gone_at_the_next_try(
    repository: Repository, feed: FeedMaker, tmp_path: Path
) -> None:
    first = repository.commit({"a": "1"})
    follow = feed()
    await follow.latest()
    (mirror_of(tmp_path / "data") / "refs/holdfast/incoming.lock").touch()
    second = repository.commit({"a": "2"})
    with pytest.raises(Unavailable, match="cannot be fetched: failed to lock"):
        await follow.latest(first)
    assert (await follow.latest(first)).revision == second


def written(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*")}


async def test_nothing_new_writes_nothing(repository: Repository, feed: FeedMaker, tmp_path: Path) -> None:
    head = repository.commit({"a": "1"})
    for selection in ({}, {"branch": "main"}, {"commit": head}):
        follow = feed(name=f"s{len(selection)}{''.join(selection)}", **selection)
        await follow.latest()
        before = written(tmp_path / "data")
        assert (await follow.latest(head)).revision == head
        assert written(tmp_path / "data") == before


@pytest.mark.parametrize(
    "part", ["objects/pack/*.pack", "objects/pack/*.idx", "HEAD", "refs/holdfast/incoming"]
)
@pytest.mark.parametrize("damage", ["cut", "gone", "garbage"])
async def test_a_torn_mirror_is_fetched_anew(
    repository: Repository, feed: FeedMaker, tmp_path: Path, part: str, damage: str
) -> None:
    head = repository.commit({f"{n}.yaml": f"{n}" * 2000 for n in range(20)})
    before = await feed().latest()
    for path in mirror_of(tmp_path / "data").glob(part):
        path.chmod(0o644)
        match damage:
            case "cut":
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            case "gone":
                path.unlink()
            case _:
                path.write_bytes(os.urandom(path.stat().st_size))
    follow = feed()
    fetched = await follow.latest(head)
    try:
        content = [fetched.tree.read(path) for path in sorted(fetched.paths)]
    except Corrupt:  # seen only where it was read: the next look mends it
        fetched = await follow.latest(head)
        content = [fetched.tree.read(path) for path in sorted(fetched.paths)]
    assert fetched.paths == before.paths
    assert content == [f"{n}".encode() * 2000 for n in sorted(range(20), key=str)]


@pytest.mark.parametrize("seed", range(8))
async def test_a_pack_that_rots_where_no_check_looks_is_fetched_anew(
    repository: Repository, feed: FeedMaker, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    files = {f"{n}/{n}": chance.randbytes(1000) for n in range(30)}
    head = repository.commit(files)
    await feed().latest()
    [pack] = mirror_of(tmp_path / "data").glob("objects/pack/*.pack")
    content = bytearray(pack.read_bytes())
    for _ in range(3):
        content[chance.randrange(12, len(content) - 20)] ^= chance.randrange(1, 256)
    pack.chmod(0o644)
    pack.write_bytes(content)
    follow = feed()
    fetched = await follow.latest(head)
    with suppress(Corrupt):  # what is rotten may lie where a listing does not look: the next look mends it
        assert {path: fetched.tree.read(path) for path in files} == files
    fetched = await follow.latest(head)
    assert {path: fetched.tree.read(path) for path in files} == files


async def test_a_tree_that_is_in_use_survives_the_mirror_s_renewal(
    repository: Repository, feed: FeedMaker, tmp_path: Path
) -> None:
    head = repository.commit({"a": "1"})
    follow = feed()
    old = await follow.latest()
    for path in mirror_of(tmp_path / "data").glob("objects/pack/*"):
        path.unlink()
    fresh = feed()
    assert (await fresh.latest(head)).tree.read("a") == b"1"
    assert old.tree.read("a") == b"1"


async def test_a_repository_that_is_torn_itself_is_an_error(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1", "b": "2"})
    blob = repository.hash("a")
    (repository.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(Problem):
        (await feed().latest()).tree.read("a")


async def test_many_fetches_leave_one_pack(repository: Repository, feed: FeedMaker, tmp_path: Path) -> None:
    follow = feed()
    trees = []
    for number in range(6):
        repository.commit({"a": f"{number}"})
        trees.append((await follow.latest()).tree)
    mirror = Mirror(mirror_of(tmp_path / "data").parent, str(repository.folder))
    packs = mirror.folder / "objects/pack"
    assert len(list(packs.glob("*.pack"))) == 6
    mirror.tidy(at_most=6)
    assert len(list(packs.glob("*.pack"))) == 6
    mirror.tidy(at_most=5)
    assert [path.suffix for path in sorted(packs.iterdir())] == [".idx", ".pack"]
    assert mirror.blob(repository.hash("a"), 10) == b"5"
    assert [tree.read("a") for tree in trees] == [b"%d" % number for number in range(6)]
    repository.commit({"a": "new"})
    assert (await follow.latest()).tree.read("a") == b"new"


async def test_killed_at_any_moment_the_next_start_has_all(
    repository: Repository, feed: FeedMaker, tmp_path: Path
) -> None:
    head = repository.commit({f"d{n % 7}/{n}.yaml": f"{n}" * 50 for n in range(300)})
    for kill_after_ms in range(0, 60, 5):
        command = [
            sys.executable,
            "-m",
            "tests.sources.git.fetch",
            str(repository.folder),
            str(tmp_path / "data"),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"ready\n"
            await asyncio.sleep(kill_after_ms / 1000)  # a moment, whichever
            process.send_signal(signal.SIGKILL)
        fetched = await feed().latest()
        folder = Path(fetched.tree.folder("."))
        assert fetched.revision == head
        assert len([path for path in folder.rglob("*") if path.is_file()]) == 300
        subprocess.run(["rm", "-r", tmp_path / "data"], check=True)
