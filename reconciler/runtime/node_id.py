"""The name that a node bears for ever, in a file of its own beside the store.

Rules: whatever drivers have marked as the node's bears this name, so it must outlive the store; it is
written once, whole or not at all, and never made anew while a file is there. A folder that was copied to
another machine brings it along, so which machine it was given on stands beside it: two nodes of one name
would take each other's for their own.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

from reconciler.errors import Corrupt
from reconciler.sources.generations import put_file

FILE: Final = "node-id"
MACHINE: Final = "node-machine"
MACHINE_ID: Final = Path("/etc/machine-id")
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


def trouble(data: Path, machine_id: Path = MACHINE_ID) -> str:
    """What speaks against this being the node that it was; empty on the machine of its first start."""
    here, file = _machine(machine_id), data / MACHINE
    if not here:
        return ""
    try:
        known = file.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        put_file(file, f"{here}\n".encode())
        return ""
    if known == here:
        return ""
    return (
        f"{data} was used on another machine, and bears the id of the node there: if that one is gone, "
        f"remove {file}; if it still runs, remove {data / FILE} too, and the next start takes a new id"
    )


def _machine(machine_id: Path) -> str:
    """A digest, for the id itself is nobody else's; empty where there is none, as in containers."""
    try:
        found = machine_id.read_bytes().strip()
    except OSError:
        return ""
    return sha256(b"holdfast\n" + found).hexdigest()[:32] if found else ""
