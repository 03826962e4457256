"""What a git feed gives of a repository on the same machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import Missing, NotFound, Refused
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.repository import Repository

pytestmark = [pytest.mark.req("CORE-01", "CORE-04"), pytest.mark.needs("git")]


async def test_the_head_of_a_branch_is_listed_and_read(repository: Repository, feed: FeedMaker) -> None:
    head = repository.commit({"a.yaml": "a: 1\n", "apps/b.yaml": "b: 2\n"}, "First\n\nwith a body")
    fetched = await feed(branch="main").latest()
    assert fetched.revision == head
    assert fetched.message == "First\n\nwith a body"
    assert fetched.author == "Ada <ada@example.org>"
    assert fetched.paths == {
        "a.yaml": repository.hash("a.yaml"),
        "apps/b.yaml": repository.hash("apps/b.yaml"),
    }
    assert fetched.tree.read("apps/b.yaml") == b"b: 2\n"
    assert fetched.tree.digest("apps") == repository.hash("apps")


async def test_a_folder_is_exported_under_its_content(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"dist/run.sh": "#!/bin/sh\n", "dist/doc/readme": "read me"})
    (repository.folder / "dist/run.sh").chmod(0o755)
    repository.commit({})
    fetched = await feed().latest()
    folder = Path(fetched.tree.folder("dist"))
    assert folder.name == repository.hash("dist")
    assert (folder / "doc/readme").read_text() == "read me"
    assert (folder / "run.sh").stat().st_mode & 0o777 == 0o755
    assert Path(fetched.tree.folder("dist/run.sh")) == folder / "run.sh"


async def test_the_next_commit_is_listed_as_a_whole(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({f"d{n}/{m}.yaml": f"{n} {m}" for n in range(5) for m in range(5)})
    follow = feed()
    first = await follow.latest()
    repository.commit({"d1/1.yaml": "changed", "d2/2.yaml": None, "new/x.yaml": "x"})
    second = await follow.latest(first.revision)
    fresh = await feed(name="other").latest()
    assert second.paths == fresh.paths
    assert second.paths.keys() - first.paths.keys() == {"new/x.yaml"}
    assert first.tree.read("d2/2.yaml") == b"2 2"


async def test_only_what_is_below_the_paths_is_listed(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"apps/a.yaml": "a", "base/b.yaml": "b", "other/c.yaml": "c", "apps/.git-x/d": "d"})
    fetched = await feed(paths=("./apps/", "base/b.yaml", "apps")).latest()
    assert set(fetched.paths) == {"apps/a.yaml", "base/b.yaml"}
    assert fetched.tree.read("other/c.yaml") == b"c"
    with pytest.raises(
        Missing, match=r"source 'shop': 'nope' is not in the repository.*\n.*apps, base, other"
    ):
        await feed(paths=("nope",)).latest()


async def test_a_branch_that_is_not_there_is_an_error_that_names_others(
    repository: Repository, feed: FeedMaker
) -> None:
    with pytest.raises(NotFound, match="is empty"):
        await feed(branch="main").latest()
    repository.commit({"a": "a"})
    with pytest.raises(NotFound, match="no branch 'mian': there is main"):
        await feed(branch="mian").latest()


async def test_rewritten_history_is_refused(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    old = repository.commit({"a": "2"})
    follow = feed(branch="main")
    await follow.latest()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    new = repository.commit({"a": "3"})
    with pytest.raises(Refused, match=f"(?s)main.*{new}.*{old}.*allowForce"):
        await follow.latest(old)
    assert (await feed(branch="main", allow_force=True).latest(old)).revision == new
    assert (await follow.at(old)).tree.read("a") == b"2"
