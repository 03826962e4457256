"""A revision that does not come up is taken back, and a person's hold outlives everything."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.model import Override, Ref
from reconciler.ports.store import EventFilter
from reconciler.store.memory import MemoryStore
from tests.sources.supervisor.house import TIMEOUT_S, House, opened
from tests.sources.supervisor.test_follows import write

ROOT = Ref("Source", "default", "root")
JUDGED = ("source.ready", "source.failed", "source.rolled-back")


async def judged(house: House, revision: str) -> str:
    """Wait for what became of a revision."""
    async with asyncio.timeout(TIMEOUT_S):
        async for event in house.store.follow(0, EventFilter(JUDGED)):
            if event.data["revision"] == revision:
                return event.name.removeprefix("source.")
    raise AssertionError


def spec(folder: Path, **more: object) -> dict[str, object]:
    return {"directory": {"path": str(folder)}, "onFailure": "rollback", "progressDeadline": "200ms", **more}


@pytest.mark.req("CORE-04")
@pytest.mark.parametrize("word", ["stalls", "hangs"])
async def test_a_revision_that_does_not_come_up_goes_back_by_itself(tmp_path: Path, word: str) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: first")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root=spec(folder))
        good = (await house.state("root", resources=1)).revision
        assert await judged(house, good) == "ready"

        write(folder, "a.yaml", f"one: first\ntwo: {word}\nthree: third")
        state = await house.state("root", held="RolledBack")
        assert await judged(house, state.seen_revision) == "rolled-back"
        assert state.revision == good
        assert house.inputs() == {"one": "first"}
        await house.until(lambda: house.reason("root") == "RolledBack")

        again = await house.read("root")  # not retried
        assert (again.revision, again.held) == (good, "RolledBack")

        write(folder, "a.yaml", "one: first\ntwo: second")
        state = await house.state("root", held="")
        assert await judged(house, state.revision) == "ready"
        assert house.inputs() == {"one": "first", "two": "second"}


@pytest.mark.req("CORE-04")
async def test_a_bad_revision_is_remembered_across_a_restart(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    write(folder, "a.yaml", "one: first")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=spec(folder))
        good = (await house.state("root", resources=1)).revision
        await judged(house, good)
        write(folder, "a.yaml", "one: stalls")
        await house.state("root", held="RolledBack")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=spec(folder))
        state = await house.state("root", held="RolledBack")
        assert state.revision == good
        assert house.inputs() == {"one": "first"}


@pytest.mark.req("CORE-04")
async def test_the_first_revision_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: stalls")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root=spec(folder))
        state = await house.state("root", resources=1)
        assert await judged(house, state.revision) == "failed"
        assert house.inputs() == {"one": "stalls"}


@pytest.mark.req("CORE-04")
async def test_going_back_does_not_go_through_all_of_history(tmp_path: Path) -> None:
    """When the good one does not come up either, it is not the revision's fault."""
    folder = tmp_path / "manifests"
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        write(folder, "a.yaml", "one: zero")
        await house.declare(root=spec(folder))
        await judged(house, (await house.state("root", resources=1)).revision)
        write(folder, "a.yaml", "one: first\ntwo: second")
        good = (await house.state("root", resources=2)).revision
        await judged(house, good)
        house.probe.outage.add("two")  # from now on `two` never comes up
        write(folder, "a.yaml", "one: first\ntwo: changed\nthree: third")
        state = await house.state("root", held="RolledBack")
        assert state.revision == good
        async with asyncio.timeout(TIMEOUT_S):
            async for event in house.store.follow(0, EventFilter(("source.failed",))):
                assert event.data["revision"] == good
                break
        assert (await house.read("root")).revision == good


@pytest.mark.req("CORE-04")
async def test_keep_tells_that_a_revision_failed_and_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: first")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root=spec(folder, onFailure="keep"))
        await judged(house, (await house.state("root", resources=1)).revision)
        write(folder, "a.yaml", "one: stalls\ntwo: second")
        state = await house.state("root", resources=2)
        assert await judged(house, state.revision) == "failed"
        assert (await house.read("root")).revision == state.revision


@pytest.mark.req("CORE-04")
async def test_a_hold_returns_to_an_earlier_revision_and_stays_there(tmp_path: Path) -> None:
    folder, store = tmp_path / "manifests", MemoryStore()
    write(folder, "a.yaml", "one: first")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=spec(folder))
        first = (await house.state("root", resources=1)).revision
        write(folder, "a.yaml", "one: second\ntwo: second")
        await house.state("root", resources=2)
        hold = Override("o1", ROOT, {"hold": first}, "ada", "it hurts", datetime.now(UTC))
        await house.engine.override(hold)
        await house.state("root", revision=first, held="Hold")
        assert house.inputs() == {"one": "first"}
        await house.until(lambda: house.reason("root") == "Hold")
        write(folder, "a.yaml", "one: third")
        await house.until(lambda: house.known("root").seen_revision != first)
        assert (await house.read("root")).revision == first
    folder.rename(tmp_path / "gone")
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(root=spec(folder))
        await house.state("root", revision=first)
        (tmp_path / "gone").rename(folder)
        await house.state("root", revision=first, held="Hold", error="")
        await house.engine.end_override(ROOT, "ada")
        await house.until(lambda: house.inputs() == {"one": "third"})


@pytest.mark.req("CORE-04")
async def test_a_hold_at_a_revision_that_nobody_kept_says_so_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    write(folder, "a.yaml", "one: first")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root=spec(folder))
        first = (await house.state("root", resources=1)).revision
        await house.declare(root=spec(folder, hold="dir:never"))
        await house.until(lambda: "dir:never" in house.known("root").error)
        assert house.inputs() == {"one": "first"}
        assert house.known("root").revision == first
