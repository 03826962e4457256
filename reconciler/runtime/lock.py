"""One node a data folder, by a lock that dies with its process.

Rules: the lock file names its holder, so that whoever is refused can say whom to ask; it is never
deleted, because a lock on a deleted file locks nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from reconciler.errors import InUse
from reconciler.writing import writing


class Lock:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.read(descriptor, 32).decode("ascii", "replace").strip()
            holder = f"process {pid}" if pid else "another process"
            os.close(descriptor)
            raise InUse(
                f"{self._path.parent} is in use by {holder}",
                holder=holder,
                remedy="talk to that node, stop it with `holdfast down`, or use another --data folder",
            ) from error
        with writing(self._path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_free(folder: Path) -> bool:
    """Whether no node is on this folder: it has ended to its last act, not only stopped answering."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
