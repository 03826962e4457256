"""The machine as the kernel tells of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.views import MachineView


def machine(folder: Path) -> MachineView:
    """`folder`: whose disk is meant."""
    disk = os.statvfs(folder)
    memory = _memory()
    one, five, fifteen = os.getloadavg()
    return {
        "processors": os.cpu_count() or 1,
        "load": [round(load, 2) for load in (one, five, fifteen)],
        "memory_bytes": memory["MemTotal"],
        "memory_available_bytes": memory["MemAvailable"],
        "disk_bytes": disk.f_blocks * disk.f_frsize,
        "disk_free_bytes": disk.f_bavail * disk.f_frsize,
    }


def _memory() -> dict[str, int]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return {name.rstrip(":"): int(number) * 1024 for name, number, *_ in lines}
