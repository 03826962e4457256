"""What can be done about a service: each step as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.kinds.service.running import Running
from reconciler.model import EMPTY, Step, Tree


@dataclass(frozen=True, slots=True)
class Start(Step):
    running: Running
    secrets: Mapping[str, tuple[str, str]] = EMPTY  # variable -> the name of a Secret, and its key
    tree: Tree | None = field(default=None, compare=False, repr=False)
    folder: str = ""  # of the manifest, in the tree


@dataclass(frozen=True, slots=True)
class Stop(Step):
    stop_signal: str
    grace_s: float


@dataclass(frozen=True, slots=True)
class Tend(Step):
    """Look after it in another way, as it runs."""

    running: Running


@dataclass(frozen=True, slots=True)
class Resume(Step):
    """Let go on what somebody froze."""


@dataclass(frozen=True, slots=True)
class Forget(Step):
    """Drop the record of a process that has ended."""

    logs: bool = False
