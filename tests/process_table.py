"""The processes of this machine, as the kernel lists them.

Rules: all tests share the machine, so a process may end while it is looked at: then it is not there.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def words_of_all() -> dict[int, list[str]]:
    """By pid, what each was started as: a child that is no program of its own yet, as its parent was."""
    found = {}
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found[int(line.parent.name)] = line.read_bytes().decode(errors="replace").split("\0")
    return found


def started_on(folder: Path) -> dict[int, list[str]]:
    """Those that this folder was named to, or one below it."""
    return {pid: words for pid, words in words_of_all().items() if str(folder) in " ".join(words)}
