"""A repository is followed: commits are taken, history is kept to, and its own past needs no copy."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from reconciler.sources.homes import mirrors
from reconciler.store.memory import MemoryStore
from tests.sources.git.remotes import GitServer, serve
from tests.sources.git.repository import Repository
from tests.sources.supervisor.house import opened
from tests.sources.supervisor.test_rolls_back import judged


def spec(repository: Repository, **more: object) -> dict[str, object]:
    return {"git": {"url": str(repository.folder), "branch": "main"}, "interval": "1h", **more}


@pytest.mark.req("CORE-04")
async def test_a_push_hook_takes_the_commit_into_force(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    first = repository.commit({"a.yaml": "one: first"})
    async with opened(MemoryStore(), tmp_path / "data") as house:
        await house.declare(root=spec(repository))
        await house.state("root", revision=first)
        second = repository.commit({"a.yaml": "one: second"})
        state = await house.read("root")
        assert state.revision == state.seen_revision == second
        assert house.inputs() == {"one": "second"}
        await house.until(lambda: house.reason("root") == "Applied")
        with pytest.raises(Exception, match="not kept"):
            await house.store.revision_files("root", first)


@pytest.mark.req("CORE-04")
async def test_a_slow_first_fetch_is_not_begun_anew_and_leaves_nothing_when_its_source_goes(
    tmp_path: Path,
) -> None:
    repository = Repository(tmp_path / "repository")
    head = repository.commit({"a.yaml": "one: first", "b": random.randbytes(60_000)})
    with serve(GitServer(repository.folder, pace=60_000)) as server:
        async with opened(MemoryStore(), tmp_path / "data", grace_s=0.1) as house:
            followed = {"git": {"url": f"{server.url}/.git", "branch": "main"}, "interval": "1h"}
            await house.declare(root=followed)
            await house.state("root", revision=head)
            assert sum(path.endswith("/git-upload-pack") for path, _ in server.seen) == 1
            mirror = mirrors(tmp_path / "data", "root")
            assert mirror.is_dir()
            await house.declare()
            await house.until(lambda: not house.supervisor.names())
            await house.until(lambda: not mirror.exists())


@pytest.mark.req("CORE-04")
async def test_what_nobody_can_read_holds_up_removals_until_a_person_says_otherwise(tmp_path: Path) -> None:
    repository, store = Repository(tmp_path / "repository"), MemoryStore()
    repository.commit({"a.yaml": "one: first\ntwo: second"})
    lost = {"git": {"url": str(tmp_path / "lost")}, "interval": "1h"}
    async with opened(store, tmp_path / "data") as house:
        await house.declare(root=spec(repository), lost=lost)
        await house.until(lambda: house.inputs() == {"one": "first", "two": "second"})
        repository.commit({"a.yaml": "two: second"})
        await house.read("root")

        def why() -> str:
            status = house.status("Probe", "one")
            ready = status.condition("Ready") if status is not None else None
            return f"{ready.reason}: {ready.message}" if ready is not None else ""

        await house.until(lambda: why().startswith("WaitsForSource"))
        assert "lost not read" in why()
        assert "`holdfast reconcile source/NAME --allow-prune`" in why()
        house.supervisor.poke("lost", allow_prune=True)
        await house.until(lambda: house.status("Probe", "one") is None)
        assert house.inputs() == {"two": "second"}
        assert house.reason("lost") == "FetchFailed"


@pytest.mark.req("CORE-04", "TST-47")
async def test_a_broken_commit_leaves_the_last_good_one_in_force(tmp_path: Path) -> None:
    repository, store = Repository(tmp_path / "repository"), MemoryStore()
    good = repository.commit({"a.yaml": "one: first"})
    async with opened(store, tmp_path / "data") as house:
        await house.declare(root=spec(repository))
        await house.state("root", revision=good)
        bad = repository.commit({"a.yaml": "one: [broken]\ntwo: second"})
        state = await house.read("root")
        assert (state.revision, state.seen_revision, state.held) == (good, bad, "Invalid")
        assert state.problems == ("a.yaml:1:1: one: is broken",)
    async with opened(store, tmp_path / "data") as house:
        await house.declare(root=spec(repository))
        state = await house.state("root", revision=good, held="Invalid")
        assert house.inputs() == {"one": "first"}
        mended = repository.commit({"a.yaml": "one: mended"})
        assert (await house.read("root")).revision == mended


@pytest.mark.req("CORE-04")
async def test_rewritten_history_is_refused_and_the_old_one_stays_through_a_restart(tmp_path: Path) -> None:
    repository, store = Repository(tmp_path / "repository"), MemoryStore()
    repository.commit({"a.yaml": "one: zero"})
    first = repository.commit({"a.yaml": "one: first"})
    async with opened(store, tmp_path / "data") as house:
        await house.declare(root=spec(repository))
        await house.state("root", revision=first)
        repository.git("reset", "-q", "--hard", "HEAD~1")
        repository.commit({"a.yaml": "one: other"})
        state = await house.read("root")
        assert (state.revision, state.held) == (first, "Refused")
        assert "history was rewritten" in state.error
        await house.until(lambda: house.reason("root") == "Refused")
    async with opened(store, tmp_path / "data") as house:
        await house.declare(root=spec(repository))
        await house.state("root", revision=first, held="Refused")
        assert house.inputs() == {"one": "first"}


@pytest.mark.req("CORE-04")
async def test_a_commit_that_does_not_come_up_is_taken_back(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    good = repository.commit({"a.yaml": "one: first"})
    async with opened(MemoryStore(), tmp_path / "data") as house:
        await house.declare(root=spec(repository, onFailure="rollback", progressDeadline="200ms"))
        assert await judged(house, good) == "ready"
        bad = repository.commit({"a.yaml": "one: stalls"})
        await house.read("root")
        assert await judged(house, bad) == "rolled-back"
        await house.state("root", revision=good, held="RolledBack")
        revert = repository.commit({"a.yaml": "one: second"})
        assert (await house.read("root")).revision == revert
        assert await judged(house, revert) == "ready"


@pytest.mark.req("CORE-04")
async def test_the_trailer_in_the_message_allows_a_large_removal(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit({"a.yaml": "\n".join(f"p{number}: here" for number in range(10))})
    async with opened(MemoryStore(), tmp_path / "data") as house:
        await house.declare(root=spec(repository))
        await house.until(lambda: len(house.inputs()) == 10)
        await house.until(lambda: all(house.status("Probe", f"p{number}") for number in range(10)))
        repository.commit({"a.yaml": "p1: here"})
        assert (await house.read("root")).held == "PruneBudget"
        repository.commit({}, "Take them away\n\nHoldfast-Allow-Prune: yes")
        state = await house.read("root")
        assert (state.held, state.resources) == ("", 1)


@pytest.mark.req("CORE-04")
async def test_another_branch_is_another_feed_for_the_same_source(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit({"a.yaml": "one: first"})
    repository.git("branch", "next")
    async with opened(MemoryStore(), tmp_path / "data") as house:
        await house.declare(root=spec(repository))
        await house.until(lambda: house.inputs() == {"one": "first"})
        repository.git("checkout", "-q", "next")
        repository.commit({"a.yaml": "one: next"})
        await house.declare(
            root={**spec(repository), "git": {"url": str(repository.folder), "branch": "next"}}
        )
        await house.until(lambda: house.inputs() == {"one": "next"})
