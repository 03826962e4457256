"""What a commit costs after the fetch: what it changed, and not what is there."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from itertools import count, islice
from pathlib import Path
from statistics import median

import pytest

from reconciler.sources.git.transport import Login, Transport
from tests.measured import Measured
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.repository import Repository

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git")]


class Stopwatch:
    """A transport that notes when it had fetched."""

    def __init__(self, real: Transport) -> None:
        self._real = real
        self.done_at = 0.0

    async def fetch(self, mirror: Path, refspecs: Sequence[str], login: Login) -> Collection[str]:
        offered = await self._real.fetch(mirror, refspecs, login)
        self.done_at = time.perf_counter()
        return offered

    def stop(self) -> None:
        self._real.stop()


@pytest.mark.timed
async def test_a_commit_of_10_files_among_10_000_is_listed_within_25_ms_of_the_fetch(
    repository: Repository, feed: FeedMaker
) -> None:
    """Half of the 50 ms that a commit may take from the fetch to the engine's queue."""
    text = "apiVersion: holdfast.dev/v1\nkind: Key\nmetadata: {name: %s}\nspec: {role: %s}\n"
    repository.commit({f"d{d}/f{f}.yaml": text % (f"{d}-{f}", "ssh") for d in range(100) for f in range(100)})
    follow = feed(branch="main")
    watch = Stopwatch(follow._transport)
    follow._transport = watch
    fetched = await follow.latest()
    usual, numbers = Measured(0.025), count()
    while usual.is_open:
        took = []
        for number in islice(numbers, 9):
            changed = {f"d{n * 7}/f{number}.yaml": text % (n, number) for n in range(10)}
            repository.commit(changed)
            before, fetched = fetched, await follow.latest(fetched.revision)
            took.append(time.perf_counter() - watch.done_at)
            moved = {path for path, digest in fetched.paths.items() if before.paths[path] != digest}
            assert moved == set(changed)
        usual.add(median(took))
    assert usual.best <= usual.goal
