"""A source that is slow, crashes, or says nonsense is its own trouble, and never for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.errors import Invalid, NotFound, Unavailable
from reconciler.model import JsonValue
from reconciler.ports.feed import Fetched
from reconciler.ports.sources import SourceConfig
from reconciler.ports.store import Revision, Write
from reconciler.runtime.clock import SystemClock
from reconciler.sources.directory import DirectoryFeed
from reconciler.store.memory import MemoryStore
from tests.sources.supervisor.house import TIMEOUT_S, opened
from tests.sources.supervisor.test_follows import write


def directory(folder: Path) -> dict[str, JsonValue]:
    return {"directory": {"path": str(folder)}}


class Silent(DirectoryFeed):
    """Never answers."""

    async def latest(self, applied: str = "") -> Fetched:
        await asyncio.Event().wait()
        raise AssertionError


class Crashing(DirectoryFeed):
    """Has a bug, until it is mended."""

    mended = False

    async def latest(self, applied: str = "") -> Fetched:
        if not self.mended:
            raise ZeroDivisionError("by nothing")
        return await super().latest(applied)


class Deaf(DirectoryFeed):
    """Cannot be listened to."""

    async def changed(self) -> None:
        raise OSError("no ears")


@pytest.mark.req("CORE-04")
async def test_a_source_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    write(folder, "a.yaml", "one: first")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=directory(folder))
        await house.until(lambda: house.inputs() == {"one": "first"})

    def silent(config: SourceConfig) -> Silent:
        return Silent(config, SystemClock())

    async with opened(store, tmp_path / "scratch", grace_s=0.01, directory=silent) as house:
        await house.declare(root=directory(folder))
        await house.until(lambda: house.inputs() == {"one": "first"})


class Full(MemoryStore):
    """Takes no verdict on a revision, until there is room."""

    full = True

    async def commit(self, *writes: Write) -> None:
        if self.full and any(isinstance(write, Revision) and write.outcome == "ready" for write in writes):
            raise Unavailable("no room")
        await super().commit(*writes)


@pytest.mark.req("CORE-04")
async def test_a_verdict_that_cannot_be_recorded_is_told_and_tried_again(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", Full()
    write(folder, "a.yaml", "one: first")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=directory(folder))
        await house.state("root", error="no room")
        store.full = False
        await house.state("root", error="")
        await house.until(lambda: house.reason("root") == "Applied")
        async with asyncio.timeout(TIMEOUT_S):
            while (await store.revisions("root", 5))[0].outcome != "ready":  # noqa: ASYNC110 - its own pace
                await asyncio.sleep(0.01)


@pytest.mark.req("CORE-04")
async def test_a_feed_that_crashes_is_told_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: first")
    made: list[Crashing] = []

    def crashing(config: SourceConfig) -> Crashing:
        made.append(Crashing(config, SystemClock()))
        return made[-1]

    async with opened(MemoryStore(), tmp_path / "scratch", directory=crashing) as house:
        await house.declare(root=directory(folder))
        await house.state("root", error="ZeroDivisionError: by nothing")
        await house.until(lambda: house.reason("root") == "FetchFailed")
        made[0].mended = True
        await house.until(lambda: house.inputs() == {"one": "first"})  # by itself, after a pause
        await house.state("root", error="")


@pytest.mark.req("CORE-04")
async def test_a_feed_that_cannot_be_listened_to_is_still_asked(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: first")

    def deaf(config: SourceConfig) -> Deaf:
        return Deaf(config, SystemClock())

    async with opened(MemoryStore(), tmp_path / "scratch", directory=deaf) as house:
        await house.declare(root=directory(folder))
        await house.until(lambda: house.inputs() == {"one": "first"})
        write(folder, "a.yaml", "one: second")
        await house.read("root")
        assert house.inputs() == {"one": "second"}


@pytest.mark.req("CORE-04")
async def test_one_sources_trouble_is_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "good"
    write(folder, "a.yaml", "one: first")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(bad=directory(tmp_path / "absent"), good=directory(folder))
        await house.until(lambda: house.inputs() == {"one": "first"})
        assert "absent does not exist" in house.known("bad").error
        assert house.known("good").error == ""


@pytest.mark.req("CORE-04")
async def test_a_store_that_fails_for_a_while_loses_no_revision(tmp_path: Path) -> None:
    class Failing(MemoryStore):
        broken = False

        async def commit(self, *writes: object) -> None:
            if self.broken and any(type(write).__name__ == "Revision" for write in writes):
                raise Unavailable("the disk is full")
            await super().commit(*writes)  # type: ignore[arg-type]

    folder, store = tmp_path / "manifests", Failing()
    write(folder, "a.yaml", "one: first")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=directory(folder))
        await house.state("root", resources=1)
        store.broken = True
        write(folder, "a.yaml", "one: second")
        await house.state("root", error="the disk is full")
        store.broken = False
        state = await house.read("root")
        assert (state.error, state.revision) == ("", state.seen_revision)
        assert [one.revision for one in await store.revisions("root", 1)] == [state.revision]


@pytest.mark.req("CORE-04")
async def test_what_nobody_knows_is_named(tmp_path: Path) -> None:
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        with pytest.raises(NotFound, match="no source 'never'"):
            house.supervisor.poke("never")
        with pytest.raises(Invalid, match="no source of the type 'carrier pigeon'"):
            await house.supervisor.configure(SourceConfig("root", "carrier pigeon", "/"))
        await house.supervisor.remove("never")
        assert house.supervisor.state("never") is None


@pytest.mark.req("CORE-04")
async def test_whoever_waits_for_a_source_that_goes_is_told(tmp_path: Path) -> None:
    def silent(config: SourceConfig) -> Silent:
        return Silent(config, SystemClock())

    async with opened(MemoryStore(), tmp_path / "scratch", directory=silent) as house:
        await house.supervisor.configure(SourceConfig("root", "directory", str(tmp_path)))
        waiting = [asyncio.create_task(house.supervisor.read("root")) for _ in range(2)]
        await asyncio.sleep(0)  # they have asked
        await house.supervisor.remove("root")
        for each in waiting:
            with pytest.raises(Unavailable, match="source root is not followed any more"):
                await each


@pytest.mark.req("CORE-04")
async def test_a_feed_that_swallows_its_cancellation_ends_all_the_same(tmp_path: Path) -> None:
    begun = asyncio.Event()

    class Swallowing(DirectoryFeed):
        async def latest(self, applied: str = "") -> Fetched:
            begun.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return await super().latest(applied)

    def swallowing(config: SourceConfig) -> Swallowing:
        return Swallowing(config, SystemClock())

    async with opened(MemoryStore(), tmp_path / "scratch", directory=swallowing) as house:
        await house.declare(root=directory(tmp_path))
        await begun.wait()
        async with asyncio.timeout(TIMEOUT_S):
            await house.supervisor.close()
        with pytest.raises(Unavailable, match="the node is stopping"):
            await house.supervisor.configure(SourceConfig("other", "directory", str(tmp_path)))


@pytest.mark.req("CORE-04")
async def test_what_cannot_be_read_is_told_to_who_reads_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "manifests"
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root=directory(folder))
        await house.until(lambda: house.reason("root") == "FetchFailed")
        await house.supervisor.read("root")  # the same again is no news
        told = [record.getMessage() for record in caplog.records if "source root" in record.getMessage()]
        assert len(told) == 1
        assert str(folder) in told[0]
