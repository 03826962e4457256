"""Processes that live on while the node does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.model import EMPTY
from reconciler.ports.health import Check, Health
from reconciler.ports.log_line import LogLine
from reconciler.ports.usage import Usage
from reconciler.records import dataclass

RELEASED = "holdfast.dev/released"  # a label of what was let go of: it is nobody's, and goes on


@dataclass(frozen=True, slots=True)
class Care:
    """How a process is looked after: all of it may change while the process goes on."""

    labels: Mapping[str, str] = EMPTY  # kept with the process: whose it is, and of which wish
    stop_signal: int = 15
    grace_s: float = 10.0
    log_bytes: int = 10 << 20  # of one file
    log_files: int = 5
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A supervised process to be: what is run, as whom, and how it is looked after."""

    id: str  # of the service; at most one process bears it at a time
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default=EMPTY, repr=False)  # all of it; may hold secrets
    cwd: str = ""  # empty: the root
    user: str = ""  # `name`, `name:group` or their numbers; empty: the node's own
    care: Care = Care()


class ProcessState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"  # by SIGSTOP: it is there and does nothing
    ENDING = "ending"  # told to end, or gone and what it left behind is not gone yet
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Process:
    """A supervised process as it is, or as it ended."""

    id: str
    pid: int
    state: ProcessState
    started_at: datetime
    care: Care = Care()
    exit_code: int | None = None
    signal: int | None = None  # that ended it; neither is known when nobody was there to see the end
    exited_at: datetime | None = None
    asked: bool = False  # to end, by `stop`
    restarts: int = 0  # starts after an end that nobody asked for


class Processes(Protocol):
    """Processes that live on while the node does not. All errors are of `errors`."""

    def processes(self) -> Mapping[str, Process]:
        """All by id, from memory, as current as the last event. Raise Unavailable when nobody can know."""
        ...

    async def fresh(self) -> Mapping[str, Process]:
        """All by id, read after this call began."""
        ...

    async def start(self, run: Run) -> Process:
        """Run it, or answer with the one that runs under this id already, whatever it runs."""
        ...

    async def stop(self, id: str, signal: int, grace_s: float) -> None:
        """End it with all that descends from it, by force after the grace; return when all of it is gone."""
        ...

    async def tend(self, id: str, care: Care) -> None:
        """Look after it in this way from now on; the process itself is not touched."""
        ...

    async def resume(self, id: str) -> None:
        """Let go on what SIGSTOP stopped."""
        ...

    async def forget(self, id: str, *, logs: bool = False) -> None:
        """Drop what is known of one that has ended, and its logs if asked to."""
        ...

    def logs(
        self, id: str, *, tail: int | None = None, follow: bool = False, since: datetime | None = None
    ) -> AsyncIterator[LogLine]:
        """The last `tail` lines (None: all that are kept), then, if asked to follow, those to come."""
        ...

    def health(self, id: str) -> Health | None:
        """What its check says just now; None without one, or where nothing runs."""
        ...

    async def usage(self) -> Mapping[str, Usage]:
        """What each that lives uses just now, by id, with all that descends from it."""
        ...

    def subscribe(self, changed: Callable[[str | None], None]) -> None:
        """Call with the id whenever a process or its health has changed; may call too often.

        None: any may have, for `processes` knows again after it did not.
        """
        ...

    async def close(self) -> None:
        """Leave the processes as they are."""
        ...

    async def shutdown(self) -> None:
        """End every process but what bears `RELEASED`, each with its own signal and grace.

        Whoever supervises them ends too, unless something goes on.
        """
        ...
