"""Objects that `git` itself would not write: each is refused by its name, and no mirror is blamed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import Refused, TooLarge
from reconciler.sources.git.exports import Exports
from reconciler.sources.git.mirror import MAX_FOLDER
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.memory import Leaf, Memory, link
from tests.sources.git.repository import Repository

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git")]


def put(repository: Repository, kind: str, raw: bytes) -> str:
    return repository.git("hash-object", "-t", kind, "-w", "--stdin", "--literally", stdin=raw)


def commit(repository: Repository, tree: str, *, at: int = 1, message: str = "x") -> str:
    who = f"Ada <ada@example.org> {at} +0000"
    raw = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{message}\n"
    made = put(repository, "commit", raw.encode())
    repository.git("update-ref", "refs/heads/main", made)
    return made


@pytest.mark.parametrize("at", [1 << 40, 1 << 62])
async def test_a_commit_of_a_year_that_is_none(repository: Repository, feed: FeedMaker, at: int) -> None:
    repository.commit({"a": "1"})
    made = commit(repository, repository.git("rev-parse", "HEAD^{tree}"), at=at)
    with pytest.raises(Refused, match=f"commit {made}.*time"):
        await feed().latest()


async def test_a_folder_of_many_megabytes(repository: Repository, feed: FeedMaker) -> None:
    blob = put(repository, "blob", b"1")
    raw = b"".join(b"100644 %06d\0" % number + bytes.fromhex(blob) for number in range(MAX_FOLDER // 34 + 1))
    commit(repository, put(repository, "tree", raw))
    with pytest.raises(TooLarge, match="folder"):
        await feed().latest()


def test_a_link_that_no_file_system_takes_refuses_the_folder(tmp_path: Path) -> None:
    for target in ("a\0b", "x/" * 2047 + "yy"):
        objects = Memory()
        tree = objects.put({"a": Leaf(b"1"), "link": link(target)})
        with pytest.raises(Refused, match="'link'"):
            Exports(tmp_path).folder(objects, tree)
        assert list(tmp_path.glob("[!.]*")) == []
