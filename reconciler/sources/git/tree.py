"""The files around a manifest at one commit: read from git's objects, exported only when asked.

Rules: a revision's content never changes, so nothing here can be stale.
"""

from __future__ import annotations

from posixpath import basename, dirname
from typing import Final

from reconciler.errors import Refused
from reconciler.sources.git.exports import Exports
from reconciler.sources.git.objects import FOLDER, SUBMODULE, Entry, Objects, find
from reconciler.sources.listing import clean

MAX_FILE: Final = 64 << 20


class GitTree:
    """A `Tree` over a commit."""

    def __init__(self, id: str, objects: Objects, exports: Exports) -> None:
        self.id = id
        self._objects = objects
        self._exports = exports

    def read(self, path: str) -> bytes:
        entry = self._find(path)
        if entry.mode == FOLDER:
            raise Refused(f"'{path}' is a folder", remedy="name a file")
        return self._objects.blob(entry.id, MAX_FILE)

    def digest(self, path: str) -> str:
        return self._find(path).digest

    def folder(self, path: str) -> str:
        """Of a file: where it lies in its exported folder, since what it needs often lies beside it."""
        path = clean(path)
        if self._find(path).mode == FOLDER:
            return str(self._exports.folder(self._objects, self._find(path).id))
        return str(self._exports.folder(self._objects, self._find(dirname(path)).id) / basename(path))

    def _find(self, path: str) -> Entry:
        entry = find(self._objects, self.id, clean(path))
        if entry.mode == SUBMODULE:
            raise Refused(
                f"'{path}' is a submodule, whose files are in another repository",
                remedy="declare that repository as a Source of its own",
            )
        return entry
