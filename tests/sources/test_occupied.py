"""A folder that a process lives in is not taken away from under it, by whichever of its caches it is in."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.model import Ref
from reconciler.sources.git.exports import Exports
from reconciler.sources.homes import exported, exports, mirrors, remove, sweep
from reconciler.sources.inbox import Batch, Document, Inbox
from reconciler.sources.occupied import vacant
from reconciler.sources.stored_tree import recalled
from tests.sources.git.memory import Leaf, Memory, program

pytestmark = pytest.mark.req("CORE-01")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def living(*argv: str, cwd: Path | str = "/") -> Iterator[None]:
    """Somebody lives there, until the block ends."""
    process = subprocess.Popen([*argv, "3600"] if argv[:1] == ("sleep",) else argv, cwd=cwd)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_who_is_in_a_folder_or_was_called_from_it_lives_there(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("inside", "called", "option", "near", "linked")]
    for folder in folders:
        (folder / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("linked")
    script = tmp_path / "called" / "run.sh"
    script.write_text("read -r _")
    option = f"--config={tmp_path / 'option' / 'deep'}"
    with (
        living("sleep", cwd=tmp_path / "inside" / "deep"),
        living("sleep", cwd=tmp_path / "link"),
        subprocess.Popen(["sh", script, option, f"{tmp_path}/nearby"], stdin=subprocess.PIPE),
    ):
        assert vacant(folders) == [tmp_path / "near"]
        assert vacant([tmp_path / "link"]) == []
        assert vacant([]) == []
    assert vacant(folders) == folders


def test_a_commit_takes_no_folder_from_under_a_service(tmp_path: Path) -> None:
    objects, home = Memory(), mirrors(tmp_path, "shop")
    tree = objects.put({"run.sh": program(b"#!/bin/sh\n"), "data": Leaf(b"1")})
    kept = Exports(exported(home)).folder(objects, tree)
    (home / "mirror-1").mkdir()
    other = mirrors(tmp_path, "other") / "mirror-1"
    other.mkdir(parents=True)
    with living("sleep", cwd=kept):
        Exports(exported(home)).collect(objects, [])
        sweep(tmp_path, [])
        remove(home)
        assert sorted(path.name for path in kept.iterdir()) == ["data", "run.sh"]
        assert not (home / "mirror-1").exists()
        assert not other.parent.exists()
    sweep(tmp_path, [])
    assert list((tmp_path / "git").iterdir()) == []


def test_an_earlier_revision_stays_while_a_service_runs_from_it_and_its_programs_run(tmp_path: Path) -> None:
    fetched = recalled(
        "dir:1", {"app/run.sh": b"#!/bin/sh\nread -r _", "a.yaml": b"a"}, exports(tmp_path), NOW
    )
    folder = Path(fetched.tree.folder("app"))
    with subprocess.Popen([folder / "run.sh"], stdin=subprocess.PIPE):
        del fetched
        sweep(tmp_path, [])
        assert (folder / "run.sh").exists()
        assert not os.access(folder.parent / "a.yaml", os.X_OK) or os.geteuid() == 0
    sweep(tmp_path, [])
    assert list(exports(tmp_path).iterdir()) == []


async def test_what_is_applied_again_takes_no_folder_from_under_a_service(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")

    def batch(text: str) -> Batch:
        documents = [Document(Ref("Service", "default", name), text) for name in ("web", "db")]
        return Batch("shop", documents, {"run.sh": b"#!/bin/sh\nread -r _", "data": text.encode()})

    await inbox.put(batch("1"))
    part = (tmp_path / "inbox/current/shop").resolve()
    assert (part / "run.sh").stat().st_mode & 0o777 == 0o700
    assert (part / "data").stat().st_mode & 0o777 == 0o600
    with subprocess.Popen(["./run.sh"], cwd=part, stdin=subprocess.PIPE):
        await inbox.put(batch("2"))
        assert (tmp_path / "inbox/current/shop/data").read_text() == "2"
        assert (part / "data").read_text() == "1"
    await asyncio.to_thread(inbox.prepare)
    assert not part.exists()
