"""A repository to follow, and a feed that follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.drivers.keystore.fake import FakeKeys, FakeSecrets
from reconciler.ports.sources import SourceConfig
from reconciler.sources.git import Access, GitFeed
from reconciler.sources.git.transport import Patience
from tests.sources.git.repository import Repository


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, 12, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


PATIENCE = Patience()
HASTY = Patience(connect=1, silence=1, answer=2, whole=20)  # for servers that shall be given up
FeedMaker = Callable[..., GitFeed]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def access() -> Access:
    return Access(FakeSecrets(), FakeKeys())


@pytest.fixture
async def feed(tmp_path: Path, repository: Repository, access: Access) -> AsyncIterator[FeedMaker]:
    """Make a feed of the repository; what is not said is as in `SourceConfig`."""
    made: list[GitFeed] = []
    known: dict[str, Any] = {"name": "shop", "type": "git", "location": str(repository.folder)}

    def make(patience: Patience = PATIENCE, **config: object) -> GitFeed:
        made.append(GitFeed(SourceConfig(**known | config), tmp_path / "data", access, Noon(), patience))
        return made[-1]

    yield make
    for each in made:
        await each.close()
