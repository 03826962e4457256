"""A folder's feed notices what people, editors and Kubernetes do to it, and reads what really was there."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconciler.errors import Conflict, Invalid, Missing, Refused, TooLarge, Unavailable
from reconciler.ports.feed import Fetched
from reconciler.ports.sources import SourceConfig
from reconciler.runtime.clock import SystemClock
from reconciler.sources.directory import DirectoryFeed, Rhythm
from reconciler.sources.listing import MAX_BYTES, UNREADABLE

HOUR = 3600.0
WATCH_ONLY = Rhythm(absent=HOUR)
"""With an interval of an hour: what is noticed is noticed by the watch."""


def config(location: Path, *, interval_s: float = HOUR, paths: tuple[str, ...] = (".",)) -> SourceConfig:
    return SourceConfig("root", "directory", str(location), paths=paths, interval_s=interval_s)


@asynccontextmanager
async def following(
    location: Path, rhythm: Rhythm = WATCH_ONLY, *, interval_s: float = HOUR, paths: tuple[str, ...] = (".",)
) -> AsyncIterator[DirectoryFeed]:
    feed = DirectoryFeed(config(location, interval_s=interval_s, paths=paths), SystemClock(), rhythm)
    try:
        yield feed
    finally:
        await feed.close()


async def after(feed: DirectoryFeed, act: Callable[[], object]) -> Fetched:
    """What the feed gives once it has noticed the act."""
    async with asyncio.timeout(60):
        noticed = asyncio.create_task(feed.changed())
        await asyncio.sleep(0)  # it listens
        await asyncio.to_thread(act)
        await noticed
        return await feed.latest()


def save_as_an_editor_does(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.swp")
    draft.write_text(text)
    path.rename(path.with_name(f"{path.name}~")) if path.exists() else None
    draft.rename(path)


def project(volume: Path, version: str, files: dict[str, str]) -> None:
    """As the kubelet writes a ConfigMap: everything changes by one rename of `..data`."""
    folder = volume / f"..{version}"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"..data/{name}")
    (volume / "..data_tmp").symlink_to(folder.name)
    old = (volume / "..data").readlink() if (volume / "..data").is_symlink() else None
    (volume / "..data_tmp").rename(volume / "..data")
    if old is not None:
        shutil.rmtree(volume / old)


@pytest.mark.req("CORE-01")
async def test_the_revision_is_the_contents_and_nothing_else(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        (folder / "apps").mkdir(parents=True)
        (folder / "apps" / "a.yaml").write_text("a: 1")
    async with following(one) as first, following(two) as second:
        before = (await first.latest()).revision
        assert before == (await second.latest()).revision
        os.utime(two / "apps" / "a.yaml")
        assert before == (await second.latest()).revision
        (two / "apps" / "a.yaml").rename(two / "apps" / "b.yaml")
        assert before != (await second.latest()).revision


@pytest.mark.req("CORE-01")
async def test_an_editors_save_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    async with following(tmp_path) as feed:
        await feed.latest()
        fetched = await after(feed, lambda: save_as_an_editor_does(file, "a: 2"))
        assert fetched.paths.keys() == {"a.yaml"}
        assert fetched.tree.read("a.yaml") == b"a: 2"


@pytest.mark.req("CORE-01")
@pytest.mark.parametrize("single_file", [False, True])
async def test_a_config_map_s_swap_is_noticed(tmp_path: Path, single_file: bool) -> None:
    volume = tmp_path / "config"
    project(volume, "2026_01", {"a.yaml": "a: 1", "b.yaml": "b: 1"})
    async with following(volume / "a.yaml" if single_file else volume) as feed:
        fetched = await feed.latest()
        assert fetched.paths.keys() == ({"a.yaml"} if single_file else {"a.yaml", "b.yaml"})
        fetched = await after(feed, lambda: project(volume, "2026_02", {"a.yaml": "a: 2", "b.yaml": "b: 2"}))
        assert fetched.tree.read("a.yaml") == b"a: 2"


@pytest.mark.req("CORE-01")
async def test_a_swapped_link_to_the_whole_folder_is_noticed(tmp_path: Path) -> None:
    for release in ("1", "2"):
        (tmp_path / "releases" / release).mkdir(parents=True)
        (tmp_path / "releases" / release / "a.yaml").write_text(f"a: {release}")
    current = tmp_path / "current"
    current.symlink_to("releases/1")

    def swap() -> None:
        (tmp_path / "next").symlink_to("releases/2")
        (tmp_path / "next").rename(current)

    async with following(current) as feed:
        assert (await feed.latest()).tree.read("a.yaml") == b"a: 1"
        assert (await after(feed, swap)).tree.read("a.yaml") == b"a: 2"
        # and it is the new folder that is watched from now on
        fetched = await after(feed, lambda: (tmp_path / "releases/2/a.yaml").write_text("a: 3"))
        assert fetched.tree.read("a.yaml") == b"a: 3"


@pytest.mark.req("CORE-01")
async def test_a_folder_that_comes_later_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"

    def come() -> None:
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text("a: 1")

    async with following(folder) as feed:
        with pytest.raises(Missing, match="does not exist"):
            await feed.latest()
        assert (await after(feed, come)).paths.keys() == {"a.yaml"}


@pytest.mark.req("CORE-01")
async def test_a_folder_that_goes_is_an_error_and_is_read_again_when_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "a.yaml").write_text("a: 1")
    async with following(folder) as feed:
        await feed.latest()
        with pytest.raises(Missing, match="manifests does not exist"):
            await after(feed, lambda: shutil.rmtree(folder))

        def back() -> None:
            folder.mkdir()
            (folder / "b.yaml").write_text("b: 1")

        assert (await after(feed, back)).paths.keys() == {"b.yaml"}
        fetched = await after(feed, lambda: (folder / "c.yaml").write_text("c: 1"))
        assert fetched.paths.keys() == {"b.yaml", "c.yaml"}


@pytest.mark.req("CORE-01")
async def test_a_new_folder_deep_below_is_watched_too(tmp_path: Path) -> None:
    async with following(tmp_path) as feed:
        await feed.latest()
        deep = tmp_path / "x" / "y" / "z"

        def make() -> None:
            deep.mkdir(parents=True)
            (deep / "a.yaml").write_text("a: 1")

        await after(feed, make)
        fetched = await after(feed, lambda: (deep / "b.yaml").write_text("b: 1"))
        assert fetched.paths.keys() == {"x/y/z/a.yaml", "x/y/z/b.yaml"}


@pytest.mark.req("CORE-01")
async def test_half_a_file_is_not_worth_reading(tmp_path: Path) -> None:
    """A burst of writes is waited out: the first thing that is read is the whole."""
    file = tmp_path / "a.yaml"
    file.write_text("whole: 0")
    rest = threading.Event()

    def slowly() -> None:
        with file.open("w") as out:
            for piece in ("wh", "ol", "e:", " 1"):
                out.write(piece)
                out.flush()
                rest.wait(0.01)

    async with following(tmp_path, Rhythm(absent=HOUR, quiet=0.5, burst=10)) as feed:
        await feed.latest()
        assert (await after(feed, slowly)).tree.read("a.yaml") == b"whole: 1"


@pytest.mark.req("CORE-01")
async def test_writing_without_end_is_looked_at_all_the_same(tmp_path: Path) -> None:
    stop = threading.Event()

    def write_on() -> None:
        number = 0
        while not stop.wait(0.005):
            number += 1
            (tmp_path / "log.txt").write_text(f"{number}")

    writer = threading.Thread(target=write_on)
    async with following(tmp_path, Rhythm(absent=HOUR, quiet=1, burst=0.2)) as feed:
        await feed.latest()
        writer.start()
        try:
            async with asyncio.timeout(60):
                await feed.changed()
        finally:
            stop.set()
            writer.join()


@pytest.mark.req("CORE-01")
async def test_the_slow_look_finds_what_no_watch_sees(tmp_path: Path) -> None:
    """A link that leads out of the folder, and a write through it: the kernel tells nobody."""
    outside = tmp_path / "outside.yaml"
    outside.write_text("a: 1")
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "a.yaml").symlink_to(outside)
    async with following(folder, interval_s=0.05) as feed:
        await feed.latest()
        fetched = await after(feed, lambda: outside.write_text("a: 2"))
        assert fetched.tree.read("a.yaml") == b"a: 2"


@pytest.mark.req("CORE-01")
async def test_a_poke_is_answered_at_once_and_finds_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    async with following(tmp_path) as feed:
        before = await feed.latest()
        assert (await after(feed, feed.poke)).revision == before.revision


@pytest.mark.req("CORE-01")
async def test_ten_thousand_files_at_once_are_all_found(tmp_path: Path) -> None:
    """More events than the kernel's queue holds on most machines; what was lost is found by looking."""
    async with following(tmp_path) as feed:
        await feed.latest()

        def flood() -> None:
            for number in range(10_000):
                folder = tmp_path / f"f{number % 100}"
                folder.mkdir(exist_ok=True)
                (folder / f"{number}.yaml").write_text(f"n: {number}")

        fetched = await after(feed, flood)
        async with asyncio.timeout(60):
            while len(fetched.paths) < 10_000:
                await feed.changed()
                fetched = await feed.latest()
        fetched = await after(feed, lambda: (tmp_path / "f99" / "last.yaml").write_text("n: last"))
        assert "f99/last.yaml" in fetched.paths


@pytest.mark.req("CORE-01")
async def test_a_file_that_changes_after_it_was_listed_is_not_given_away(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    async with following(tmp_path) as feed:
        fetched = await feed.latest()
        file.write_text("a: 2")
        with pytest.raises(Conflict, match=r"a\.yaml has changed since"):
            fetched.tree.read("a.yaml")


@pytest.mark.req("CORE-01")
async def test_what_is_no_part_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config.yaml").write_text("no")
    (tmp_path / ".a.yaml.swp").write_text("no")
    (tmp_path / "a.yaml~").write_text("no")
    (tmp_path / "#a.yaml#").write_text("no")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / ".env").write_text("yes")
    (tmp_path / "a.yaml").write_text("yes")
    async with following(tmp_path) as feed:
        assert (await feed.latest()).paths.keys() == {".env", "a.yaml"}


@pytest.mark.req("CORE-01")
async def test_names_that_are_no_text_are_passed_over_and_told(tmp_path: Path) -> None:
    for name in (b"\xff\xfe.yaml", b"two\nlines", b"caf\xc3\xa9.yaml"):
        (tmp_path / os.fsdecode(name)).write_text("a: 1")
    async with following(tmp_path) as feed:
        fetched = await feed.latest()
        assert fetched.paths.keys() == {"café.yaml"}
        assert fetched.notices == (
            "two\\nlines: its name is no UTF-8, or holds control characters: rename it",
            "\\udcff\\udcfe.yaml: its name is no UTF-8, or holds control characters: rename it",
        )


@pytest.mark.req("CORE-01")
async def test_overlays_are_read_and_nothing_beside_them(tmp_path: Path) -> None:
    for folder in ("base", "prod", "test"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text(folder)
    async with following(tmp_path, paths=("base", "prod")) as feed:
        fetched = await feed.latest()
        assert fetched.paths.keys() == {"base/a.yaml", "prod/a.yaml"}
        assert fetched.tree.read("test/a.yaml") == b"test", "a manifest may refer to what lies beside"
    async with following(tmp_path, paths=("base", "absent")) as feed:
        with pytest.raises(Missing, match="absent does not exist"):
            await feed.latest()


@pytest.mark.req("CORE-01")
@pytest.mark.parametrize("path", ["..", "a/../../b", "/etc/passwd"])
async def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    (tmp_path / "manifests").mkdir()
    async with following(tmp_path / "manifests") as feed:
        tree = (await feed.latest()).tree
        for use in (tree.read, tree.digest, tree.folder):
            with pytest.raises(Invalid, match="leads out"):
                use(path)


@pytest.mark.req("CORE-01")
async def test_the_digest_of_a_folder_is_of_what_is_in_it(tmp_path: Path) -> None:
    for folder in ("one", "two", "beside/three"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "sub" / "x").write_text("same")
    async with following(tmp_path, paths=("one", "two")) as feed:
        tree = (await feed.latest()).tree
        assert tree.digest("one") == tree.digest("./two/") == tree.digest("beside/three")
        (tmp_path / "beside/three/sub/x").write_text("other")
        assert tree.digest("one") != tree.digest("beside/three")
        assert tree.folder("one") == str(tmp_path / "one")
        with pytest.raises(Missing):
            tree.folder("four")
        with pytest.raises(Missing):
            tree.read("one/absent")


@pytest.mark.req("CORE-01")
async def test_an_unreadable_folder_is_never_an_empty_one(tmp_path: Path, unprivileged: None) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "a.yaml").write_text("a: 1")
    async with following(tmp_path, interval_s=0.05) as feed:
        await feed.latest()
        (tmp_path / "apps").chmod(0)
        try:
            with pytest.raises(Refused, match="apps cannot be read: Permission denied"):
                await feed.latest()
        finally:
            fetched = await after(feed, lambda: (tmp_path / "apps").chmod(0o755))
        assert fetched.paths.keys() == {"apps/a.yaml"}


@pytest.mark.req("CORE-01")
async def test_an_unreadable_file_is_told_when_it_is_read(tmp_path: Path, unprivileged: None) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    (tmp_path / "b.yaml").write_text("b: 1")
    (tmp_path / "b.yaml").chmod(0)
    async with following(tmp_path) as feed:
        fetched = await feed.latest()
        assert fetched.tree.read("a.yaml") == b"a: 1"
        with pytest.raises(Refused, match=r"b\.yaml cannot be read: Permission denied"):
            fetched.tree.read("b.yaml")
        fetched = await after(feed, lambda: (tmp_path / "b.yaml").chmod(0o644))
        assert fetched.tree.read("b.yaml") == b"b: 1"


@pytest.mark.req("CORE-01")
async def test_what_cannot_be_read_for_a_moment_is_read_again(tmp_path: Path) -> None:
    """A lease, as Samba takes one: the file's stamp is the same before, meanwhile and after."""
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    os.utime(file, (1, 1))
    ignored = signal.signal(signal.SIGIO, signal.SIG_IGN)  # it asks the holder to let go
    held = os.open(file, os.O_RDWR)
    fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    try:
        async with following(tmp_path, interval_s=0.05) as feed:
            with pytest.raises(Refused, match="Resource temporarily unavailable"):
                (await feed.latest()).tree.read("a.yaml")
            fetched = await after(feed, lambda: fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_UNLCK))
            while fetched.paths["a.yaml"].startswith(UNREADABLE):
                await feed.changed()
                fetched = await feed.latest()
            assert fetched.tree.read("a.yaml") == b"a: 1"
            fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            with pytest.raises(Unavailable, match="just now"):
                fetched.tree.read("a.yaml")
    finally:
        os.close(held)
        signal.signal(signal.SIGIO, ignored)


@pytest.mark.req("CORE-01")
async def test_a_folder_that_is_read_as_a_file_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    async with following(tmp_path) as feed:
        tree = (await feed.latest()).tree
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            with pytest.raises(Refused, match="Is a directory"):
                tree.read("apps")
        assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.req("CORE-01")
async def test_folders_that_link_to_one_another_are_refused_in_bounded_time(tmp_path: Path) -> None:
    """Twelve of them make 12! ways, none of which is a circle."""
    names = [str(number) for number in range(12)]
    for name in names:
        (tmp_path / name).mkdir()
        for other in names:
            (tmp_path / name / other).symlink_to(f"../{other}")
    async with following(tmp_path) as feed:
        with pytest.raises(TooLarge, match="more than 200000 names"):
            await feed.latest()


@pytest.mark.req("CORE-01")
async def test_a_folder_that_holds_a_world_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    with (tmp_path / "disk.img").open("wb") as huge:
        huge.truncate(MAX_BYTES)  # a hole: it takes no room
    async with following(tmp_path) as feed:
        with pytest.raises(TooLarge, match="more than 100000 files or 16 GiB"):
            await feed.latest()
        fetched = await after(feed, (tmp_path / "disk.img").unlink)
        assert fetched.paths.keys() == {"a.yaml"}


@pytest.mark.req("CORE-01")
@pytest.mark.parametrize("place", ["pipe", "a.yaml/below"])
async def test_what_is_no_folder_is_told_to_be_none(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.yaml").write_text("a: 1")
    async with following(tmp_path / place) as feed:
        with pytest.raises(Refused, match="Not a directory"):
            await feed.latest()
