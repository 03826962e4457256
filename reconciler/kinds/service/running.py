"""A service as it runs, in words that a wish and a process can both be put into. Pure.

Rules: what a process was started with travels with it as a label, so that a node which has lost all
memory still knows; of a secret only the keyed digest is in it. How it is looked after is known of the
process itself.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from reconciler.kinds.service.checks import Checked, found
from reconciler.model import EMPTY, RECREATES, SECRET
from reconciler.ports.processes import RELEASED, Care

DEFINITION = "holdfast.dev/definition"


class Phase(StrEnum):
    RUNNING = "running"
    FROZEN = "frozen"  # stopped by SIGSTOP: there, and doing nothing
    ENDING = "ending"
    ENDED = "ended"  # by itself
    STOPPED = "stopped"  # as it is wished


@dataclass(frozen=True, slots=True)
class Running:
    """Field by field what a difference would restart, and what a running process takes in as it is."""

    phase: Phase
    command: tuple[str, ...] = field(default=(), metadata=RECREATES)
    env: Mapping[str, str] = field(default=EMPTY, metadata=RECREATES)
    secrets: Mapping[str, str] = field(default=EMPTY, metadata={**RECREATES, **SECRET})
    cwd: str = field(default="", metadata=RECREATES)
    user: str = field(default="", metadata=RECREATES)
    inputs: Mapping[str, str] = field(default=EMPTY, metadata=RECREATES)
    restart: str = "always"
    stop_signal: str = "TERM"
    stop_grace_s: float = 10.0
    log_bytes: int = 0
    log_files: int = 0
    health: Checked | None = None
    ours: bool = True

    def runs_the_same(self, other: Running) -> bool:
        """Whatever the phase, and however it is looked after."""
        return all(
            getattr(self, each.name) == getattr(other, each.name)
            for each in fields(self)
            if each.metadata.get("recreates")
        )


def care_for(running: Running) -> Care:
    definition = {
        each.name: _plain(getattr(running, each.name))
        for each in fields(running)
        if each.metadata.get("recreates")
    }
    label = json.dumps({**definition, "restart": running.restart}, sort_keys=True, separators=(",", ":"))
    return Care(
        {DEFINITION: label},
        stop_signal=signal.Signals[f"SIG{running.stop_signal}"],
        grace_s=running.stop_grace_s,
        log_bytes=running.log_bytes,
        log_files=running.log_files,
        check=None if running.health is None else running.health.check,
    )


def released(care: Care) -> Care:
    """As it is, and nobody's: what it was started with is still known, for who adopts it."""
    return replace(care, labels={**care.labels, RELEASED: "true"})


def is_released(care: Care) -> bool:
    return RELEASED in care.labels


def as_cared_for(care: Care, phase: Phase) -> Running:
    """What a process says that it was started with; one that says nothing readable differs in all."""
    cared_for = Running(
        phase,
        stop_signal=signal.Signals(care.stop_signal).name.removeprefix("SIG"),
        stop_grace_s=care.grace_s,
        log_bytes=care.log_bytes,
        log_files=care.log_files,
        health=None if care.check is None else found(care.check),
        ours=not is_released(care),
    )
    try:
        definition = json.loads(care.labels.get(DEFINITION, ""))
        definition["command"] = tuple(definition["command"])
        return replace(cared_for, **definition)
    except (ValueError, TypeError, KeyError):
        return cared_for


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value
