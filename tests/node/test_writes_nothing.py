"""To look is to write nothing: the store's dump, every other file and all processes are as they were."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler.runtime.clock import SystemClock
from reconciler.store.opening import open_store
from tests.node.running import RunningNode, key, processes, running_node, service, until
from tests.process_table import started_on
from tests.saving import save
from tests.store.folders import TRACE

pytestmark = [pytest.mark.req("CORE-05", "TST-47")]

LOOKING = (
    ("diff",),
    ("diff", "--prune", "--allow-prune"),
    ("apply", "--dry-run"),
    ("apply", "--dry-run", "--prune", "-y"),
)
OWN_BEAT = {"holdfast.db-wal", "holdfast.db-shm"}  # the running node's heartbeat goes on


def changes(marker: str) -> str:
    """Something new, something that differs, and what a set no longer names is missing."""
    return "---\n".join([service("applied", marker, env={"TURN": "2"}), key("new")])


def files(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time of change and digest of everything that lies there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_socket():
            continue
        at = path.lstat()
        held = str(path.readlink()) if path.is_symlink() else ""
        held = sha256(path.read_bytes()).hexdigest() if path.is_file() and not held else held
        found[str(path.relative_to(folder))] = (at.st_mode, 0 if path.is_dir() else at.st_mtime_ns, held)
    return found


def applied(node: RunningNode, marker: str) -> Path:
    """A node with something of the folder's and something of the inbox."""
    save(node.place / "all.yaml", service("web", marker))
    node.start(HOLDFAST_METRICS_INTERVAL_S="0")  # its own measuring is no look of somebody else
    until(lambda: node.converged({"service/web"}), "it is up")
    manifest = node.place.parent / "manifest.yaml"
    manifest.write_text("---\n".join([service("applied", marker), key("old")]))
    assert node.command("apply", "-f", str(manifest), "--yes", "--wait").returncode == 0
    manifest.write_text(changes(marker))
    return manifest


def looked(node: RunningNode, manifest: Path) -> None:
    for words in LOOKING:
        told = node.command(*words, "-f", str(manifest))
        assert "-/+ service/applied" in told.stdout, told.stderr
        assert "+ key/new" in told.stdout
        assert ("- key/old" in told.stdout) == ("--prune" in words)


@pytest.mark.parametrize("killed", [False, True])
def test_without_a_node(killed: bool) -> None:
    marker = f"mark-{uuid4().hex}"
    with running_node() as node:
        manifest = applied(node, marker)
        until(lambda: node.converged({"service/web", "service/applied", "key/old"}), "all is well")
        node.kill() if killed else node.stop()
        before = files(node.data.parent), started_on(node.data), processes(marker)
        looked(node, manifest)
        assert (files(node.data.parent), started_on(node.data), processes(marker)) == before


def test_on_a_folder_that_no_node_has_had() -> None:
    with running_node() as node:
        manifest = node.place.parent / "manifest.yaml"
        manifest.write_text(key("new"))
        node.data.rmdir()
        for words in LOOKING:
            assert "+ key/new" in node.command(*words, "-f", str(manifest)).stdout
        assert not node.data.exists()
        node.data.mkdir(mode=0o700)


def test_with_a_node() -> None:
    marker = f"mark-{uuid4().hex}"
    with running_node() as node:
        manifest = applied(node, marker)
        until(lambda: node.converged({"service/web", "service/applied", "key/old"}), "all is well")
        until(node.judged, "the sources are judged")
        before = _all_but_the_beat(node), started_on(node.data), processes(marker), _history(node)
        looked(node, manifest)
        assert (_all_but_the_beat(node), started_on(node.data), processes(marker), _history(node)) == before
        stays = _dump(node)
        looked(node, manifest)
        assert _dump(node) == stays


def _all_but_the_beat(node: RunningNode) -> dict[str, tuple[int, int, str]]:
    return {path: it for path, it in files(node.data.parent).items() if Path(path).name not in OWN_BEAT}


def _history(node: RunningNode) -> int:
    return int(node.ask("/daemon/stats")["newest_event"])


def _dump(node: RunningNode) -> object:
    """All tables, from a copy of the files, without the note that the node renews by itself."""
    copy = node.data.parent / "copy"
    copy.mkdir(exist_ok=True)
    for name in ("holdfast.db", "holdfast.db-wal"):
        (copy / name).write_bytes((node.data / name).read_bytes())

    async def read() -> object:
        store = await open_store(copy / "holdfast.db", SystemClock())
        try:
            return {
                table: [row for row in rows if "heartbeat" not in str(row)]
                for table, rows in (await store.dump()).items()
            }
        finally:
            await store.close()

    try:
        return asyncio.run(read())
    finally:
        for file in (*copy.glob("holdfast.db*"), copy / TRACE):
            file.unlink()
