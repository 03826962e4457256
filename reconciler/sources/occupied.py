"""Which folders somebody lives in: whoever removes one from under a process breaks it.

Rules: the kernel is asked, at the moment of removal, since the process may have been started by the node
before this one. What it was called with counts like the folder that it is in. What may not be looked into
is not ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

SLASH: Final = ord("/")


def vacant(folders: Iterable[Path]) -> list[Path]:
    """Those that no process is in, nor was called from."""
    asked = list(folders)
    lived_in = _lived_in() if asked else frozenset()
    return [one for one in asked if lived_in.isdisjoint(map(os.fsencode, (one.absolute(), one.resolve())))]


def _lived_in() -> frozenset[bytes]:
    """Every folder that some process has to do with, and all above it."""
    found: set[bytes] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for path in _paths(process):
                found.update(path[:end] for end, letter in enumerate(path) if letter == SLASH)
                found.add(path)
    return frozenset(found)


def _paths(process: Path) -> Iterator[bytes]:
    words = (process / "cmdline").read_bytes().split(b"\0")
    for word in words:
        for path in (word, word.partition(b"=")[2]):
            if path.startswith(b"/"):
                yield path
    for link in ("cwd", "exe"):
        yield os.fsencode((process / link).readlink())
