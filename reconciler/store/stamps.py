"""What tells that the store was written: its files, and when each was.

Rules: imports nothing but the standard library, for who has only a moment.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    name: str
    size: int
    written_ns: int


def with_sidecars(path: Path) -> list[Path]:
    """The file and SQLite's helper files beside it, as far as they are there."""
    return [file for end in ("", "-wal", "-shm") if (file := path.with_name(path.name + end)).exists()]


def stamps(path: Path) -> list[Stamp]:
    """SQLite's index of the log is not among them: it changes through memory."""
    files = [file for file in with_sidecars(path) if not file.name.endswith("-shm")]
    return [Stamp(file.name, stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()]]
