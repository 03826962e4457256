"""What is applied is in force when the inbox has been read, and goes when it is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model import Ref
from reconciler.sources.inbox import Batch, Document, Inbox
from reconciler.store.memory import MemoryStore
from tests.sources.supervisor.house import House, opened


def batch(*names: str, prune: bool = False, allow_prune: bool = False) -> Batch:
    documents = [Document(Ref("Probe", "default", name), f"{name}: here") for name in names]
    return Batch("shop", documents, {}, prune=prune, allow_prune=allow_prune)


async def prepared(house: House, inbox: Inbox) -> None:
    await house.declare(inbox={"inbox": {"path": str(inbox.folder)}})
    await house.state("inbox", error="", resources=0, held="")


@pytest.mark.req("CORE-01")
async def test_what_is_applied_is_wanted_at_once_and_after_a_restart(tmp_path: Path) -> None:
    inbox, store = Inbox(tmp_path / "inbox"), MemoryStore()
    async with opened(store, tmp_path / "scratch") as house:
        await prepared(house, inbox)
        await inbox.put(batch("one", "two"))
        assert (await house.read("inbox")).resources == 2
        assert house.inputs() == {"one": "here", "two": "here"}
        await inbox.delete([Ref("Probe", "default", "one")])
        await house.read("inbox")
        assert house.inputs() == {"two": "here"}
    async with opened(store, tmp_path / "scratch") as house:
        await house.declare(inbox={"inbox": {"path": str(inbox.folder)}})
        await house.until(lambda: house.inputs() == {"two": "here"})


@pytest.mark.req("CORE-01", "CORE-04")
async def test_a_large_removal_is_allowed_by_name_and_once(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    names = [f"n{number}" for number in range(10)]
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await prepared(house, inbox)
        await inbox.put(batch(*names))
        await house.read("inbox")
        await house.until(lambda: all(house.status("Probe", name) for name in names))
        await inbox.put(batch("n1", prune=True))
        state = await house.read("inbox")
        assert state.held == "PruneBudget"
        assert len(house.inputs()) == 10
        await inbox.put(batch("n1", prune=True, allow_prune=True))
        state = await house.read("inbox")
        assert (state.held, state.resources) == ("", 1)


@pytest.mark.req("CORE-01")
async def test_somebody_s_editor_in_the_inbox_is_noticed_too(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await prepared(house, inbox)
        await inbox.put(batch("one", "two"))
        await house.read("inbox")
        (inbox.folder / "current" / "shop" / "Probe@default@one.yaml").write_text("one: by hand")
        await house.until(lambda: house.inputs() == {"one": "by hand", "two": "here"})
