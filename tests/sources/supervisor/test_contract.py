"""What a kind may rely on of the node's sources: of those that are read, and of the Fake in its tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from reconciler.ports.sources import SourceConfig, Sources, SourceState
from reconciler.store.memory import MemoryStore
from tests.kinds.worlds import FollowedSources
from tests.sources.supervisor.house import opened
from tests.sources.supervisor.test_follows import write


class Readable(Sources, Protocol):
    """The port, and a reading that the test can wait for."""

    async def read(self, name: str) -> SourceState: ...


@asynccontextmanager
async def real(tmp_path: Path) -> AsyncIterator[Readable]:
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        yield house.supervisor


@asynccontextmanager
async def fake(tmp_path: Path) -> AsyncIterator[Readable]:
    yield FollowedSources()


Opened = Callable[[Path], AbstractAsyncContextManager[Readable]]
pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.parametrize("sources_of", [real, fake])]


def config(tmp_path: Path) -> SourceConfig:
    write(tmp_path / "manifests", "a.yaml", "one: first")
    return SourceConfig("root", "directory", str(tmp_path / "manifests"))


def known(sources: Readable) -> SourceState:
    state = sources.state("root")
    assert state is not None
    return state


async def test_what_is_followed_is_current_once_it_was_read(tmp_path: Path, sources_of: Opened) -> None:
    followed = config(tmp_path)
    async with sources_of(tmp_path) as sources:
        assert (sources.state("root"), sources.names()) == (None, frozenset())
        await sources.configure(followed)
        assert known(sources) == SourceState(followed)
        assert sources.names() == {"root"}
        state = await sources.read("root")
        assert (state.config, state.current, bool(state.revision)) == (followed, True, True)


async def test_to_follow_it_as_before_is_no_news(tmp_path: Path, sources_of: Opened) -> None:
    followed = config(tmp_path)
    async with sources_of(tmp_path) as sources:
        await sources.configure(followed)
        state = await sources.read("root")
        await sources.configure(replace(followed))
        assert known(sources) == state


@pytest.mark.parametrize(
    "news", [{"paths": ("a.yaml",)}, {"substitute": {"A": "b"}}, {"hold": "r0"}, {"interval_s": 5.0}]
)
async def test_what_was_read_by_another_configuration_is_not_current(
    tmp_path: Path, sources_of: Opened, news: dict[str, object]
) -> None:
    followed = config(tmp_path)
    async with sources_of(tmp_path) as sources:
        await sources.configure(followed)
        state = await sources.read("root")
        anew = replace(followed, **news)  # type: ignore[arg-type]
        await sources.configure(anew)
        assert known(sources) == replace(state, config=anew, current=False)
        assert (await sources.read("root")).current
        await sources.configure(followed)
        assert not known(sources).current


async def test_what_is_followed_no_more_is_not_known(tmp_path: Path, sources_of: Opened) -> None:
    async with sources_of(tmp_path) as sources:
        await sources.configure(config(tmp_path))
        await sources.read("root")
        for _ in range(2):
            await sources.remove("root")
            assert (sources.state("root"), sources.names()) == (None, frozenset())
