"""Private files that are replaced whole: what the keystore stands on.

Rules: folders are 0700 and files 0600; a file is written aside, synced and renamed over the old
one, so that a reader and a crash see the old or the new, never a half; whoever writes holds the
lock, which works between processes and between threads; readers need no lock.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import NamedTuple

from reconciler.errors import Failed

PARTIAL = ".partial-"


class Stamp(NamedTuple):
    """What tells one content of a file from the next without reading it."""

    inode: int
    written_ns: int
    size: int


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        # One thread of its own: writers wait for each other, and must not hold up those of other drivers.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="keystore")

    async def write_aside(self, write: Callable[[], None]) -> None:
        """Run a function that writes, while the event loop goes on: a sync to disk may take its time."""
        await asyncio.get_running_loop().run_in_executor(self._writer, write)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile. What a killed writer left half is swept away."""
        with self._told("write to"):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for partial in self.path.glob(f"{PARTIAL}*"):
                partial.unlink()
            yield
        finally:
            os.close(lock)

    def stamp(self, name: str) -> Stamp | None:
        try:
            found = os.stat(f"{self.path}/{name}")  # noqa: PTH116 - a third of the time, on the hot path
        except FileNotFoundError:
            return None
        except OSError as why:
            raise self._failed("read", why) from why
        return Stamp(found.st_ino, found.st_mtime_ns, found.st_size)

    def read(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as why:
            raise self._failed("read", why) from why

    def write(self, name: str, content: bytes) -> None:
        """Replace the file; it is durable on return. The lock must be held."""
        with self._told("write to"):
            target = self.path / name
            self._make(target.parent)
            handle, partial = mkstemp(prefix=PARTIAL, dir=self.path)  # opens it with mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(handle)
                Path(partial).replace(target)
            except OSError:
                with suppress(OSError):
                    Path(partial).unlink()
                raise
            _sync(target.parent)

    def remove(self, name: str) -> None:
        """The lock must be held."""
        with self._told("write to"):
            target = self.path / name
            with suppress(FileNotFoundError):
                target.unlink()
                _sync(target.parent)

    def names(self, under: str) -> list[str]:
        """All files two levels below `under`, as `namespace/name`."""
        with self._told("read"):
            root = self.path / under
            return sorted(f"{p.parent.name}/{p.name}" for p in root.glob("*/*")) if root.is_dir() else []

    def _make(self, folder: Path) -> None:
        if folder == self.path or folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as why:
            raise self._failed(doing, why) from why

    def _failed(self, doing: str, why: OSError) -> Failed:
        return Failed(
            f"cannot {doing} the keystore {self.path}: {why.strerror or why}",
            remedy="see that the disk has room and that the node's user owns the folder",
        )


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
