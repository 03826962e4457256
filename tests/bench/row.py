"""One measured figure beside its goal, and how commands are timed.

Rules: a command is timed from outside, as a person waits for it; the median of its runs counts, the first
run is a warm-up; what is compared runs in turn, so that both meet the same machine.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import SIGKILL
from statistics import median
from threading import TIMEOUT_MAX, Timer
from typing import Any

RUNS = 5
NEAR = 0.1  # of its goal: measured again before it counts as missed


@dataclass(frozen=True)
class Row:
    name: str
    value: float
    unit: str
    against: str = ""  # what it is compared with, and what that took
    ratio: float | None = None
    goal: str = ""
    holds: bool | None = None  # None: there is no goal, or nothing to compare with

    @property
    def neighbour(self) -> str:
        """What it is compared with, without what that took this time."""
        return self.against.partition(":")[0]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def at_most(name: str, value: float, unit: str, limit: float) -> Row:
    return Row(name, round(value, 4), unit, goal=f"<= {limit:g} {unit}", holds=value <= limit)


def beside(name: str, value: float, unit: str, other: tuple[str, float], limit: float | None) -> Row:
    """Our figure as a part of somebody else's; without a limit there is no goal."""
    against, figure = other
    ratio = value / figure
    return Row(
        name,
        round(value, 4),
        unit,
        f"{against}: {figure:.4g} {unit}",
        round(ratio, 4),
        "" if limit is None else f"<= {limit:g}",
        None if limit is None else ratio <= limit,
    )


def at_least(name: str, value: float, unit: str, limit: float) -> Row:
    return Row(name, round(value, 4), unit, goal=f">= {limit:g} {unit}", holds=value >= limit)


def nearly_holds(row: Row) -> bool:
    """It was missed by so little that it may have been bad luck."""
    limit = float(row.goal.split()[1]) if row.goal else 0.0
    value = row.ratio if row.ratio is not None else row.value
    return row.holds is False and abs(value - limit) <= limit * NEAR


@dataclass(frozen=True)
class Timed:
    seconds: float
    mebibytes: float


def timed(
    command: Sequence[str],
    folder: Path | None = None,
    environ: dict[str, str] | None = None,
    limit_s: float = TIMEOUT_MAX,
) -> Timed:
    """One run: wall time, and the peak memory of the process; killed when it takes longer than its limit."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | (environ or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stop = Timer(limit_s, os.kill, (process.pid, SIGKILL))
    stop.daemon = True
    stop.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    stop.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    # A comparison that finds a difference was not of what it was meant to be.
    if process.returncode and seconds < limit_s:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {' '.join(command)}")
    return Timed(seconds, usage.ru_maxrss / 1024)


def in_turn(*runs: Callable[[], Timed]) -> list[Timed]:
    """The medians of several commands, run A B A B, a warm-up of each first."""
    kept: list[list[Timed]] = [[] for _ in runs]
    for turn in range(RUNS + 1):
        for number, run in enumerate(runs):
            one = run()
            if turn:
                kept[number].append(one)
    return [Timed(median(o.seconds for o in own), median(o.mebibytes for o in own)) for own in kept]
