"""The store is torn while the node is down: what nothing declares any more stays until a person confirms."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler.errors import Problem
from tests.node.running import RunningNode, key, processes, running_node, service, until
from tests.saving import save

pytestmark = [pytest.mark.req("CORE-04", "CORE-27", "TST-47")]
EARLY = "nothing waits for a confirmation: --allow-prune counts for this look alone\n"


def declare(node: RunningNode, *documents: str) -> None:
    save(Path(node.place, "all.yaml"), "---\n".join(documents))


def overwritten(store: Path) -> None:
    """As a failing disk does it: the middle of the file is not what was written."""
    whole = bytearray(store.read_bytes())
    whole[100 : len(whole) // 2] = b"\xa5" * (len(whole) // 2 - 100)
    store.write_bytes(whole)


def truncated(store: Path) -> None:
    os.truncate(store, store.stat().st_size // 3)


def emptied(store: Path) -> None:
    os.truncate(store, 0)


def deleted(store: Path) -> None:
    for file in store.parent.glob("holdfast.db*"):
        file.unlink()


def withheld(node: RunningNode) -> list[str] | None:
    try:
        rebuilt = node.ask("/status")["rebuilt"]
    except Problem:  # it is not up yet
        return None
    return None if rebuilt is None else list(rebuilt["withheld"])


@pytest.mark.parametrize("hurt", [overwritten, truncated, emptied, deleted])
def test_a_person_confirms_what_goes_after_the_loss_of_the_store(hurt: Callable[[Path], None]) -> None:
    marker = f"mark-{uuid4().hex}"
    kept, old = [key("kept"), service("web", marker)], [key("old"), service("gone", marker)]
    with running_node() as node:
        declare(node, *kept, *old)
        node.start()
        until(lambda: node.converged({"key/kept", "key/old", "service/web", "service/gone"}), "it is made")
        before, named = processes(marker), node.ask("/status")["node_id"]
        assert node.stop() == 0

        hurt(node.data / "holdfast.db")
        declare(node, *kept)
        node.start()
        until(lambda: withheld(node) == ["key/old", "service/gone"], "what would go is named")
        assert processes(marker) == before, "nothing was ended, and nothing doubled"
        assert node.ask("/status")["node_id"] == named, "what bears the node's mark is still its own"
        _is_told(node)
        for ref in ("key/old", "service/gone"):
            until(lambda: node.status(ref)["reason"] == "NotDeclared", f"{ref} says it")  # noqa: B023 - at once
            assert "it stays until a person confirms" in node.command("explain", ref).stdout
        aside = node.data / node.ask("/status")["rebuilt"]["aside"]
        assert aside.exists() != (hurt is deleted), "what there was is kept"

        assert node.stop() == 0
        node.start()
        until(lambda: withheld(node) == ["key/old", "service/gone"], "a restart confirms nothing")

        said = node.command("reconcile", "--allow-prune")
        assert (said.returncode, EARLY in said.stderr) == (0, False), said.stderr
        until(lambda: node.converged({"key/kept", "service/web"}), "what nothing declares is gone")
        assert withheld(node) is None
        left = processes(marker)
        assert left.keys() < before.keys()
        assert [words[-2] for words in left.values()] == ["web"]
        assert node.remote.ask("GET", "/health")["status"] == "running"

        assert node.stop() == 0
        node.start()
        until(lambda: node.converged({"key/kept", "service/web"}), "the confirmation lasts")
        assert withheld(node) is None


def test_what_was_orphaned_is_nobodys_after_the_loss_of_the_store() -> None:
    marker = f"mark-{uuid4().hex}"
    orphan = key("left").replace("generate: true", "generate: true, deletionPolicy: Orphan")
    left = [orphan, service("left", marker, deletionPolicy="Orphan")]
    with running_node() as node:
        declare(node, key("kept"), service("gone", marker), *left)
        node.start()
        made = {"key/kept", "key/left", "service/gone", "service/left"}
        until(lambda: node.converged(made), "it is made")
        declare(node, key("kept"), service("gone", marker))
        until(lambda: node.converged({"key/kept", "service/gone"}), "it is let go of")
        assert node.stop() == 0

        deleted(node.data / "holdfast.db")
        declare(node, key("kept"))
        node.start()
        until(lambda: withheld(node) == ["service/gone"], "what was let go of is not ours to take")
        assert node.command("reconcile", "--allow-prune").returncode == 0
        until(lambda: node.converged({"key/kept"}), "what nothing declares is gone")
        assert [words[-2] for words in processes(marker).values()] == ["left"]

        declare(node, key("kept"), *left)
        until(lambda: node.status("service/left").get("reason") == "ForeignObject", "it is not taken unasked")
        adopted = [one.replace("Orphan", "Delete, adopt: true") for one in (orphan,)]
        adopted.append(service("left", marker, adopt=True))
        before = processes(marker)
        declare(node, key("kept"), *adopted)
        until(lambda: node.converged({"key/kept", "key/left", "service/left"}), "it is, when asked")
        assert processes(marker) == before, "as it runs"


def _is_told(node: RunningNode) -> None:
    """Where a person looks: the status, the sources, the health of the node."""
    status = node.command("status").stdout
    assert "the store was lost at " in status
    assert "`holdfast reconcile --allow-prune`" in status
    assert "! stays until confirmed: service/gone" in status
    until(lambda: "StoreRebuilt" in node.command("get", "source").stdout, "the list of sources shows it")
    assert "2 stay until confirmed" in node.command("source", "ls").stdout
    told = node.remote.ask("GET", "/health")
    assert told["status"] == "degraded"
    assert any("--allow-prune" in problem for problem in told["problems"])
    assert node.ask("/status")["rebuilt"]["remedy"] == "holdfast reconcile --allow-prune"


def test_a_folder_may_be_allowed_to_remove_more_than_half() -> None:
    with running_node() as node:
        names = [f"k{number}" for number in range(8)]
        declare(node, *map(key, names))
        node.start()
        until(lambda: node.converged({f"key/{name}" for name in names}), "it is made")
        declare(node, key("k0"))
        until(lambda: node.ask("/sources/root")["held"] == "PruneBudget", "so much is asked about")
        assert node.remote.ask("GET", "/health")["status"] == "degraded"
        elsewhere = node.command("reconcile", "source/inbox", "key/k1", "--allow-prune")
        assert elsewhere.stderr.startswith(EARLY), "it waits for another source's"
        allowed = node.command("reconcile", "source/root", "--allow-prune")
        assert (allowed.returncode, allowed.stderr) == (0, "looking at 1 resource\n")
        until(lambda: node.converged({"key/k0"}), "what was allowed is done")
        until(lambda: node.ask("/sources/root")["held"] == "", "nothing waits any more")
        assert node.command("reconcile", "--allow-prune").stderr.startswith(EARLY)
        assert node.remote.ask("GET", "/health")["status"] == "running"
