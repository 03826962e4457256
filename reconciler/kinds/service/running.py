"""A service as it runs, in words that a wish and a process can both be put into. Pure.

Rules: what a process was started with travels with it as a label, so that a node which has lost all
memory still knows; of a secret only the keyed digest is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from reconciler.model import EMPTY, RECREATES, SECRET

DEFINITION = "holdfast.dev/definition"


class Phase(StrEnum):
    RUNNING = "running"
    FROZEN = "frozen"  # stopped by SIGSTOP: there, and doing nothing
    ENDING = "ending"
    ENDED = "ended"  # by itself
    STOPPED = "stopped"  # as it is wished


@dataclass(frozen=True, slots=True)
class Running:
    """Field by field what a difference would restart; `phase` alone is changed in place."""

    phase: Phase
    command: tuple[str, ...] = field(default=(), metadata=RECREATES)
    env: Mapping[str, str] = field(default=EMPTY, metadata=RECREATES)
    secrets: Mapping[str, str] = field(default=EMPTY, metadata={**RECREATES, **SECRET})
    cwd: str = field(default="", metadata=RECREATES)
    user: str = field(default="", metadata=RECREATES)
    stop_signal: str = field(default="TERM", metadata=RECREATES)
    stop_grace_s: float = field(default=10.0, metadata=RECREATES)
    log_bytes: int = field(default=0, metadata=RECREATES)
    log_files: int = field(default=0, metadata=RECREATES)
    inputs: Mapping[str, str] = field(default=EMPTY, metadata=RECREATES)


def to_label(running: Running) -> str:
    definition = asdict(running)
    del definition["phase"]
    for name in ("env", "secrets", "inputs"):
        definition[name] = dict(definition[name])
    return json.dumps(definition, sort_keys=True, separators=(",", ":"))


def from_label(label: str, phase: Phase) -> Running:
    """What a process says that it was started with; one that says nothing readable differs in all."""
    try:
        definition = json.loads(label)
        definition["command"] = tuple(definition["command"])
        return Running(phase, **definition)
    except (ValueError, TypeError, KeyError):
        return Running(phase)
