"""What something that runs takes of the machine."""

from __future__ import annotations

from datetime import datetime

from reconciler.records import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What one service uses, all that descends from it included; the counters begin anew with each start."""

    started_at: datetime
    restarts: int
    cpu_s: float  # of processors, since the start
    memory_bytes: int  # resident just now
    processes: int  # just now
    read_bytes: int | None = None  # from disks since the start; None: nobody can tell
    written_bytes: int | None = None
