"""What was read by an earlier declaration answers no later one, be it a success or an error."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconciler.drivers.keystore.fake import FakeKeys, FakeSecrets
from reconciler.model import JsonValue, Ref, Status
from reconciler.ports.feed import Fetched
from reconciler.ports.sources import SourceConfig
from reconciler.runtime.clock import SystemClock
from reconciler.sources.git import Access, GitFeed
from reconciler.store.memory import MemoryStore
from tests.sources.git.repository import Repository
from tests.sources.supervisor.house import House, opened

pytestmark = pytest.mark.req("CORE-04")

ROOT = Ref("Source", "default", "root")
MANIFEST = "apiVersion: holdfast.dev/v1\nkind: Probe\nmetadata: {name: one}\nspec: {input: 'it is ${WORD}'}\n"


class Paced(GitFeed):
    """Fetches a branch when the test lets it."""

    def __init__(self, config: SourceConfig, data: Path, let: asyncio.Event) -> None:
        super().__init__(config, data, Access(FakeSecrets(), FakeKeys()), SystemClock())
        self._let = let

    async def latest(self, applied: str = "") -> Fetched:
        await self._let.wait()
        return await super().latest(applied)


class Scene:
    """A repository, and a node that follows it at the test's pace."""

    def __init__(self, house: House, repository: Repository, let: Mapping[str, asyncio.Event]) -> None:
        self.house = house
        self.let = let  # by branch
        self._repository = repository

    async def declare(self, branch: str = "main", **more: JsonValue) -> None:
        git = {"url": str(self._repository.folder), "branch": branch}
        await self.house.declare(root={"git": git, "interval": "1h", **more})

    async def reason(self, reason: str) -> None:
        await self.house.until(lambda: self.house.reason("root") == reason)

    async def answer(self) -> Status:
        """What is said of the latest declaration once there is nothing left to do about it."""
        entry = self.house.engine.book[ROOT]
        await self.house.until(lambda: entry.judged is not None and self.house.engine.idle)
        assert entry.judged is not None
        return entry.judged

    async def is_being_read(self) -> None:
        """It is neither ready nor stalled, and looking again finds nothing to do."""
        for _ in range(2):
            status = await self.answer()
            ready = status.condition("Ready")
            assert ready is not None
            assert (ready.reason, status.ready, status.stalled) == ("Reading", False, False)
            self.house.engine.wake(ROOT)


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    repository = Repository(tmp_path / "repository")
    repository.commit({"a.yaml": MANIFEST})
    let: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def paced(config: SourceConfig) -> Paced:
        return Paced(config, tmp_path / "data", let[config.branch])

    async with opened(MemoryStore(), tmp_path / "data", written_out=True, git=paced) as house:
        scene = Scene(house, repository, let)
        let["main"].set()
        await scene.declare(substitute={"WORD": "first"})
        await scene.reason("Applied")
        yield scene


async def test_another_branch_is_not_ready_before_it_was_read(tmp_path: Path) -> None:
    async with scene(tmp_path) as seen:
        await seen.declare("nosuch", substitute={"WORD": "first"})
        await seen.is_being_read()
        seen.let["nosuch"].set()
        await seen.reason("FetchFailed")
        seen.let["main"].clear()
        await seen.declare("main", substitute={"WORD": "first"})
        await seen.is_being_read()
        seen.let["main"].set()
        await seen.reason("Applied")


@pytest.mark.parametrize(("on_invalid", "without"), [("hold", "Invalid"), ("partial", "Incomplete")])
async def test_other_variables_are_not_ready_before_they_were_filled_in(
    tmp_path: Path, on_invalid: str, without: str
) -> None:
    async with scene(tmp_path) as seen:
        seen.let["main"].clear()
        await seen.declare(onInvalid=on_invalid)
        await seen.is_being_read()
        seen.let["main"].set()
        await seen.reason(without)
        seen.let["main"].clear()
        await seen.declare(onInvalid=on_invalid, substitute={"WORD": "second"})
        await seen.is_being_read()
        seen.let["main"].set()
        await seen.reason("Applied")
        assert seen.house.inputs() == {"one": "it is second"}


async def test_what_is_declared_while_it_is_read_waits_for_a_reading_of_its_own(tmp_path: Path) -> None:
    async with scene(tmp_path) as seen:
        await seen.declare("nosuch", substitute={"WORD": "first"})
        await seen.is_being_read()
        seen.let["main"].clear()
        await seen.declare(substitute={"WORD": "second"})
        await seen.is_being_read()
        seen.let["nosuch"].set()
        await seen.house.until(lambda: "nosuch" in seen.house.known("root").error)
        await seen.is_being_read()
        seen.let["main"].set()
        await seen.reason("Applied")
        assert seen.house.inputs() == {"one": "it is second"}
