"""The name that a node bears for ever, in a file of its own beside the store.

Rules: whatever drivers have marked as the node's bears this name, so it must outlive the store; it is
written once, whole or not at all, and never made anew while a file is there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from uuid import uuid4

from reconciler.errors import Corrupt
from reconciler.sources.generations import put_file

FILE: Final = "node-id"
_ID: Final = re.compile("[0-9a-f]{32}")


def read(data: Path) -> str:
    """Empty: the node was never started."""
    path = data / FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return ""
    found = text.decode("ascii", "replace").strip()
    if not _ID.fullmatch(found):
        raise Corrupt(
            f"{path} does not hold the node's id",
            remedy="put it back from a backup, or remove it: the node takes a new id, and what it has marked "
            "with the old one counts as somebody else's",
        )
    return found


def given(data: Path) -> str:
    """The one that is there, or a new one."""
    found = read(data)
    if not found:
        found = uuid4().hex
        put_file(data / FILE, f"{found}\n".encode())
    return found
