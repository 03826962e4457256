"""The files of an earlier revision, out of the store: for a source that cannot give them back itself.

Rules: what could not be kept is known by name, and told when it is asked for; a real folder is made only when
somebody needs one, and goes with the tree, unless a process lives in it: that one may outlive the node.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from weakref import finalize

from reconciler.errors import Missing, Problem
from reconciler.ports.feed import Fetched
from reconciler.sources.listing import below, clean, combined
from reconciler.sources.live_tree import LiveTree
from reconciler.sources.occupied import vacant
from reconciler.sources.programs import mode
from reconciler.writing import writing

OMITTED: Final = ".holdfast-omitted"  # names what is missing: a revision never looks smaller than it was
KEPT_BYTES: Final = 64 << 20  # of one revision; the smallest files first, as manifests are


class StoredTree:
    """A `Tree` over contents in memory."""

    def __init__(self, files: Mapping[str, bytes], omitted: Mapping[str, str], scratch: Path) -> None:
        self._files = files
        self._scratch = scratch
        self._folder: Path | None = None
        own = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
        self.digests = {**omitted, **own}

    def read(self, path: str) -> bytes:
        path = clean(path)
        if path not in self._files:
            raise Missing(
                f"{path} is not among the files that were kept of this revision",
                remedy=f"at most {KEPT_BYTES >> 20} MiB of a revision are kept; larger ones belong in git",
            )
        return self._files[path]

    def digest(self, path: str) -> str:
        path = clean(path)
        if path in self.digests:
            return self.digests[path]
        inside = below(self.digests, path)
        if not inside:
            self.read(path)  # says what is missing, and why
        return combined(inside)

    def folder(self, path: str) -> str:
        path = clean(path)
        if self._folder is None:
            self._folder = self._export()
        whole = self._folder / path
        if not whole.exists():
            self.read(path)
        return str(whole)

    def _export(self) -> Path:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix="revision-", dir=self._scratch))
        finalize(self, _leave, folder)
        for name, content in self._files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with writing(file):
                file.write_bytes(content)
            file.chmod(mode(content))
        return folder


def _leave(folder: Path) -> None:
    for left in vacant([folder]):
        shutil.rmtree(left, ignore_errors=True)


class FleetingTree(StoredTree):
    """Contents that nobody else will have once this process has ended."""

    @property
    def files(self) -> Mapping[str, bytes]:
        return self._files


def recalled(revision: str, files: Mapping[str, bytes], scratch: Path, at: datetime) -> Fetched:
    """A kept revision, as if it had just been fetched."""
    kept = dict(files)
    tree = StoredTree(kept, json.loads(kept.pop(OMITTED, b"{}")), scratch)
    return Fetched(revision, tree, tree.digests, at)


def contents(tree: LiveTree) -> dict[str, bytes]:
    """What to keep of a revision that lies in a folder: all of it, or as much as fits."""
    kept: dict[str, bytes] = {}
    room = KEPT_BYTES
    for path in sorted(tree.sizes, key=lambda name: (tree.sizes[name], name)):
        room -= tree.sizes[path]
        if room < 0:
            break
        with suppress(Problem):  # unreadable, or changed by now
            kept[path] = tree.read(path)
    omitted = {path: tree.digest(path) for path in tree.sizes if path not in kept}
    return {**kept, OMITTED: json.dumps(omitted).encode()} if omitted else kept
