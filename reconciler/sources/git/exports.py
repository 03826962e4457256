"""Real folders, made from a commit's when something must run or be packed there.

Rules: a folder is called by its tree's id, so equal content is one folder whatever the commit, and a
process that runs in it is not moved by a commit that touches other things. It is made beside and
renamed, so it is whole or not there. One that is found is compared (names, sizes, modes, times) before
it is given away, and made anew when somebody has written into it. One that a process lives in stays, for
that one was not told to go. No link leads out of it.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.errors import Failed, Missing, Refused, TooLarge
from reconciler.sources.git.objects import (
    EXECUTABLE,
    FOLDER,
    LINK,
    MAX_LINK,
    SUBMODULE,
    Entry,
    Objects,
    differences,
    find,
)
from reconciler.sources.occupied import vacant
from reconciler.writing import writing

MAX_FILES: Final = 100_000
MAX_FILE: Final = 512 << 20
MAX_BYTES: Final = 4 << 30
TIME_NS: Final = 1_000_000_000 * 10**9  # every file's: the same content gives the same archive


class Leaf(NamedTuple):
    """A file or a link to be written."""

    entry: Entry
    size: int
    target: bytes = b""  # of a link

    @property
    def mode(self) -> int:
        return 0o755 if self.entry.mode == EXECUTABLE else 0o644


class Exports:
    """The exported folders of one source."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def folder(self, objects: Objects, tree: str) -> Path:
        """The folder with this content, made if it is not there."""
        leaves = _leaves(objects, tree)
        target = self._root / tree
        with self._lock:
            if not _whole(target, leaves):
                try:
                    self._make(objects, target, leaves)
                except OSError as error:
                    raise Failed(
                        f"{target} cannot be written: {error.strerror}",
                        remedy="free space on the node's data folder, or let the node's user write there",
                    ) from error
        return target

    def collect(self, objects: Objects, keep: Iterable[str]) -> None:
        """Remove all folders that are in none of these trees and in no use, and what a killed export left."""
        if not self._root.is_dir():
            return
        needed: set[str] = set()
        left = list(keep)
        while left:
            tree = left.pop()
            if tree not in needed:
                needed.add(tree)
                below = objects.entries(tree).values()
                left.extend(entry.id for entry in below if entry.mode == FOLDER)
        with self._lock:
            for folder in vacant(each for each in self._root.iterdir() if each.name not in needed):
                shutil.rmtree(folder, ignore_errors=True)

    def _make(self, objects: Objects, target: Path, leaves: Mapping[str, Leaf]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self._root) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            made.chmod(0o755)
            for folder in sorted(_folders(leaves)):
                (made / folder).mkdir()
                (made / folder).chmod(0o755)  # whatever the umask
            # Links last: nothing is ever written through one.
            for path, leaf in sorted(leaves.items(), key=lambda item: bool(item[1].target)):
                if leaf.target:
                    (made / path).symlink_to(os.fsdecode(leaf.target))
                else:
                    _write(made / path, objects.blob(leaf.entry.id, MAX_FILE), leaf.mode)
            try:
                made.rename(target)
            except OSError:  # something is there
                if not _whole(target, leaves):
                    target.rename(Path(scratch) / "spoilt")
                    made.rename(target)


def _leaves(objects: Objects, tree: str) -> dict[str, Leaf]:
    found: dict[str, Leaf] = {}
    total = 0
    for path, _, entry in differences(objects, None, Entry(FOLDER, tree), "", hidden=True):
        if entry is None or entry.mode == SUBMODULE:
            continue
        size = objects.size(entry.id)
        total += size
        if len(found) >= MAX_FILES or size > MAX_FILE or total > MAX_BYTES:
            raise TooLarge(
                f"the folder is too large to export (at '{path}'): at most {MAX_FILES:,} files, "
                f"{MAX_FILE >> 20} MiB each and {MAX_BYTES >> 30} GiB together",
                remedy="keep large files out of the repository",
            )
        target = objects.blob(entry.id, MAX_LINK) if entry.mode == LINK else b""
        if target:
            _check_link(objects, tree, path, target)
        found[path] = Leaf(entry, size, target)
    return found


def _check_link(objects: Objects, tree: str, path: str, target: bytes) -> None:
    if b"\0" in target or len(target) >= MAX_LINK:
        raise Refused(
            f"the folder cannot be exported: '{path}' is a link to what no path can be",
            remedy="find out who made this commit",
        )
    try:
        find(objects, tree, path)
    except Missing:
        return  # it leads to nothing, inside
    except Refused as error:
        raise Refused(
            f"the folder cannot be exported: {error.message}",
            remedy="link inside the folder that is used, or use a folder that holds both",
        ) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    with writing(path), path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.utime(file.fileno(), ns=(TIME_NS, TIME_NS))


def _folders(leaves: Iterable[str]) -> set[str]:
    return {path[:at] for path in leaves for at, char in enumerate(path) if char == "/"}


def _whole(root: Path, leaves: Mapping[str, Leaf]) -> bool:
    """Whether all that should be there is, as it was written, and nothing else."""
    found = 0
    for path, at in _walk(root, ""):
        leaf = leaves.get(path)
        if leaf is None or not _same(at, leaf):
            return False
        found += 1
    return found == len(leaves) and root.is_dir()


def _same(at: os.DirEntry[str], leaf: Leaf) -> bool:
    if leaf.target or at.is_symlink():
        return at.is_symlink() and os.fsencode(Path(at).readlink()) == leaf.target
    status = at.stat(follow_symlinks=False)
    seen = (status.st_size, stat.S_IMODE(status.st_mode), status.st_mtime_ns)
    return seen == (leaf.size, leaf.mode, TIME_NS)


def _walk(root: Path, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(root / folder) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, path)
            else:
                yield path, entry
