"""The same contract without a process: for simulations with virtual time, and for tests of what uses it.

Rules: no thread, no I/O, no chance; time is the running loop's and the clock that is passed in. The
object is the world as well as the door to it: it outlives `close`, as processes outlive the node. What
processes do by themselves is done to them by name: `end`, `freeze`, `say`, `spend`, `sick`, `stubborn`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from types import MappingProxyType

from reconciler.drivers.processes.health import Probes
from reconciler.errors import Conflict, Failed, NotFound, Unavailable
from reconciler.ports.clock import Clock
from reconciler.ports.health import CommandCheck, Health, HttpCheck, TcpCheck
from reconciler.ports.log_line import LogLine
from reconciler.ports.processes import RELEASED, Care, Process, ProcessState, Run
from reconciler.ports.usage import Usage

KILL = 9
A_PROGRAM = 1 << 20  # bytes that it takes to be there at all
ALIVE = (ProcessState.RUNNING, ProcessState.STOPPED)


@dataclass(slots=True)
class _Ending:
    """Somebody waits for the end of a process."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    deadline: asyncio.TimerHandle | None = None


class FakeProcesses:
    def __init__(self, clock: Clock) -> None:
        self.runs: dict[str, Run] = {}  # what each was started with, its environment included
        self.stubborn: set[str] = set()  # what runs under these ids does nothing when it is told to end
        self.missing: set[str] = set()  # programs that cannot be run
        self.sick: dict[str, str] = {}  # id -> what its check finds wrong
        self.away = False  # nobody can know or do anything
        self._clock = clock
        self._pids = count(1000)
        self._table: dict[str, Process] = {}
        self._endings: dict[str, _Ending] = {}
        self._spent: dict[int, Usage] = {}  # by pid
        self._logs: dict[str, list[LogLine]] = {}
        self._said = asyncio.Event()
        self._subscribers: list[Callable[[str | None], None]] = []
        self._probes = Probes(self._tell, clock, self._ask)

    def open(self) -> None:
        """A node comes, to a world that may be there already."""
        for name, process in self._table.items():
            self._probes.see(name, process)

    # ------------------------------------------------------------------------------------- the port

    def processes(self) -> Mapping[str, Process]:
        self._here()
        return MappingProxyType(self._table)

    async def fresh(self) -> Mapping[str, Process]:
        await self._reach()
        return dict(self._table)

    async def start(self, run: Run) -> Process:
        await self._reach()
        while (before := self._table.get(run.id)) and before.state is ProcessState.ENDING:
            await self._endings[run.id].over.wait()
        if before and before.state in ALIVE:
            return before
        if run.argv[0] in self.missing:
            raise Failed(f"cannot start {run.id}: cannot run '{run.argv[0]}': No such file or directory")
        self.runs[run.id] = run
        process = Process(
            id=run.id,
            pid=next(self._pids),
            state=ProcessState.RUNNING,
            started_at=self._clock.now(),
            care=run.care,
            restarts=before.restarts + 1 if before and not before.asked else 0,
        )
        self._put(process)
        return process

    async def stop(self, id: str, signal: int, grace_s: float) -> None:
        await self._reach()
        process = self._table.get(id)
        if process is None or process.state is ProcessState.EXITED:
            return
        ending = self._endings.setdefault(id, _Ending())
        self._put(replace(process, state=ProcessState.ENDING, asked=True))
        loop = asyncio.get_running_loop()
        when = loop.time() + (grace_s if id in self.stubborn else 0)
        if ending.deadline is None or when < ending.deadline.when():
            if ending.deadline:
                ending.deadline.cancel()
            by = KILL if id in self.stubborn else signal
            ending.deadline = loop.call_at(when, lambda: self.end(id, signal=by))
        await ending.over.wait()

    async def tend(self, id: str, care: Care) -> None:
        await self._reach()
        process = self._table.get(id)
        if process is None:
            raise NotFound(f"{id} does not run")
        self._put(replace(process, care=care))

    async def resume(self, id: str) -> None:
        await self._reach()
        process = self._table.get(id)
        if process is None or process.state is ProcessState.EXITED:
            raise NotFound(f"{id} does not run")
        if process.state is ProcessState.STOPPED:
            self._put(replace(process, state=ProcessState.RUNNING))

    async def forget(self, id: str, *, logs: bool = False) -> None:
        await self._reach()
        process = self._table.get(id)
        if process is None:
            return
        if process.state is not ProcessState.EXITED:
            raise Conflict(f"{id} has not ended", remedy="stop it first")
        if logs:
            self._logs.pop(id, None)
        del self._table[id]
        self._probes.see(id, None)
        self._tell(id)

    def logs(
        self, id: str, *, tail: int | None = None, follow: bool = False, since: datetime | None = None
    ) -> AsyncIterator[LogLine]:
        if id not in self._table and id not in self._logs:
            raise NotFound(f"there is no log of {id}", remedy="it was never started, or was forgotten")
        return self._read(self._logs.setdefault(id, []), tail, since, follow)

    def health(self, id: str) -> Health | None:
        return self._probes.health(id)

    async def usage(self) -> Mapping[str, Usage]:
        await self._reach()
        living = [one for one in self._table.values() if one.state is not ProcessState.EXITED]
        return {one.id: self._used(one) for one in living}

    def subscribe(self, changed: Callable[[str | None], None]) -> None:
        self._subscribers.append(changed)

    async def close(self) -> None:
        self._subscribers.clear()
        await self._probes.close()

    async def shutdown(self) -> None:
        ours = (one for one in self._table.values() if RELEASED not in one.care.labels)
        ends = ((one.id, one.care.stop_signal, one.care.grace_s) for one in ours)
        await asyncio.gather(*(self.stop(*end) for end in ends))
        await self.close()

    # ------------------------------------------------------------------------------------ the world

    def end(self, id: str, *, exit_code: int | None = None, signal: int | None = None) -> None:
        """It ends, by itself or by somebody's hand."""
        process = self._table[id]
        ended = replace(
            process,
            state=ProcessState.EXITED,
            exit_code=exit_code,
            signal=signal,
            exited_at=self._clock.now(),
        )
        self._put(ended)
        self.stubborn.discard(id)
        ending = self._endings.pop(id, None)
        if ending:
            if ending.deadline:
                ending.deadline.cancel()
            ending.over.set()

    def freeze(self, id: str) -> None:
        """Somebody sends it SIGSTOP."""
        self._put(replace(self._table[id], state=ProcessState.STOPPED))

    def say(self, id: str, text: str, stream: str = "stdout") -> None:
        """It prints a line."""
        self._logs.setdefault(id, []).append(LogLine(self._clock.now(), stream, text))
        self._said.set()

    def spend(self, id: str, *, cpu_s: float = 0.0, memory_bytes: int = 0) -> None:
        """It computes for a while, and comes to hold so much more."""
        process = self._table[id]
        used = self._used(process)
        self._spent[process.pid] = replace(
            used, cpu_s=used.cpu_s + cpu_s, memory_bytes=used.memory_bytes + memory_bytes
        )

    def come_back(self) -> None:
        self.away = False
        self._tell(None)

    # ----------------------------------------------------------------------------------------------

    async def _ask(self, by: CommandCheck | HttpCheck | TcpCheck, process: Process, timeout_s: float) -> str:
        return self.sick.get(process.id, "")

    async def _read(
        self, log: list[LogLine], tail: int | None, since: datetime | None, follow: bool
    ) -> AsyncIterator[LogLine]:
        seen = len(log)
        wanted = [line for line in log if since is None or line.at >= since]
        for line in wanted[len(wanted) - tail if tail is not None and tail < len(wanted) else 0 :]:
            yield line
        while follow:
            while seen == len(log):
                self._said.clear()
                await self._said.wait()
            yield log[seen]
            seen += 1

    def _used(self, process: Process) -> Usage:
        nothing = Usage(process.started_at, process.restarts, 0.0, A_PROGRAM, 1)
        return self._spent.get(process.pid, nothing)

    def _here(self) -> None:
        if self.away:
            raise Unavailable("the keeper is away")

    async def _reach(self) -> None:
        """Let others go on first, as any real call does."""
        await asyncio.sleep(0)
        self._here()

    def _put(self, process: Process) -> None:
        self._table[process.id] = process
        self._probes.see(process.id, process)
        self._tell(process.id)

    def _tell(self, id: str | None) -> None:
        loop = asyncio.get_running_loop()
        for changed in self._subscribers:
            loop.call_soon(changed, id)
