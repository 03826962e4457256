"""Supervised processes, by way of the keeper: the driver behind the port `Processes`.

Rules: the keeper holds the truth, the driver a mirror of it, which nothing but the keeper's news
changes, so that reading costs nothing. The keeper is started when it is first needed, and again
whenever it is gone while it has something to keep; who only looks starts nothing, no check either, and
goes by the records where there is no keeper. All that is asked of it may be asked twice, so a question
that it did not live to answer is put to the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGCONT
from types import MappingProxyType
from typing import Any

from reconciler.drivers.processes.care import care_of, fields_of
from reconciler.drivers.processes.health import Probes
from reconciler.drivers.processes.keeper.record import file_name
from reconciler.drivers.processes.launch import ISOLATED, find, find_or_launch, has_something_to_keep
from reconciler.drivers.processes.left import left
from reconciler.drivers.processes.link import Link, Lost
from reconciler.drivers.processes.logs import read_log
from reconciler.drivers.processes.usage import Family, Look
from reconciler.errors import NotFound, Problem, Unavailable
from reconciler.model import JsonValue
from reconciler.ports.clock import Clock
from reconciler.ports.health import Health
from reconciler.ports.log_line import LogLine
from reconciler.ports.processes import Care, Process, ProcessState, Run
from reconciler.ports.usage import Usage

START_S = 30.0  # a program on a slow disk takes its time to begin
MARGIN_S = 15.0  # beyond its grace, for a killed process to be gone
RETIRES_S = 2.0
TRIES = 5
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


class Processes:
    """`open` it before use. `python` is how the keeper's interpreter is called."""

    def __init__(self, folder: Path, clock: Clock, *, python: Sequence[str] = ISOLATED) -> None:
        self._folder = folder.absolute()
        self._python = python
        self._mirror: dict[str, Process] = {}
        self._families: dict[str, Family] = {}
        self._look = Look()
        self._subscribers: list[Callable[[str | None], None]] = []
        self._probes = Probes(self._tell, clock)
        self._connecting = asyncio.Lock()
        self._link: Link | None = None
        self._trouble: Problem | None = None
        self._minding: asyncio.Task[None] | None = None
        self._closing = False
        self._only_looks = False

    async def open(self) -> None:
        """Find what runs already. While its keeper cannot be had, `processes` says why."""
        self._closing = False
        with suppress(Problem):
            await self._ask("list", needed=False)

    async def look(self) -> None:
        """In place of `open`, for who acts on nothing."""
        self._only_looks = True
        await self.open()

    # ------------------------------------------------------------------------------------- the port

    def processes(self) -> Mapping[str, Process]:
        if self._trouble:
            raise Unavailable(self._trouble.message, remedy=self._trouble.remedy)
        return MappingProxyType(self._mirror)

    async def fresh(self) -> Mapping[str, Process]:
        await self._ask("list", needed=False)
        return dict(self._mirror)

    async def start(self, run: Run) -> Process:
        facts = await self._ask(
            "start",
            patience_s=START_S,
            id=run.id,
            argv=list(run.argv),
            env=dict(run.env),
            cwd=run.cwd or "/",
            user=run.user,
            **fields_of(run.care),
        )
        return _process(facts)

    async def stop(self, id: str, signal: int, grace_s: float) -> None:
        patience_s = grace_s + MARGIN_S
        await self._ask("stop", needed=False, patience_s=patience_s, id=id, signal=signal, grace_s=grace_s)

    async def tend(self, id: str, care: Care) -> None:
        await self._ask("tend", id=id, **fields_of(care))

    async def resume(self, id: str) -> None:
        if id not in self._mirror:
            raise NotFound(f"{id} does not run")
        await self._ask("signal", id=id, signal=SIGCONT)

    async def forget(self, id: str, *, logs: bool = False) -> None:
        await self._ask("forget", needed=False, id=id, logs=logs)

    def logs(
        self, id: str, *, tail: int | None = None, follow: bool = False, since: datetime | None = None
    ) -> AsyncIterator[LogLine]:
        folder = self._folder / "logs" / file_name(id)
        if id not in self._mirror and not folder.is_dir():
            raise NotFound(f"there is no log of {id}", remedy="it was never started, or was forgotten")
        return read_log(folder, tail=tail, follow=follow, since=since)

    def health(self, id: str) -> Health | None:
        return self._probes.health(id)

    async def usage(self) -> Mapping[str, Usage]:
        known = self.processes().values()
        families = {one.id: self._families[one.id] for one in known if one.state is not ProcessState.EXITED}
        if not families:
            return {}
        try:
            return await asyncio.to_thread(self._look.look, families)
        except OSError as failure:
            raise Unavailable(f"cannot look at the processes: {failure.strerror}") from failure

    def subscribe(self, changed: Callable[[str | None], None]) -> None:
        self._subscribers.append(changed)

    async def close(self) -> None:
        self._subscribers.clear()
        self._closing = True
        if self._minding:
            self._minding.cancel()
            with suppress(asyncio.CancelledError):
                await self._minding
        if self._link:
            if not self._only_looks:
                with suppress(Problem, Lost):  # one of an earlier version knows no such word, and stays
                    await self._link.ask("retire", patience_s=RETIRES_S)
            await self._link.close()
        await self._probes.close()

    async def shutdown(self) -> None:
        longest_s = max((process.care.grace_s for process in self._mirror.values()), default=0.0)
        self._closing = True
        going_on = await self._ask("shutdown", needed=False, patience_s=longest_s + MARGIN_S)
        if self._link and not going_on:
            await self._link.ended.wait()
        await self.close()

    # --------------------------------------------------------------------------------- the keeper

    async def _ask(self, verb: str, *, needed: bool = True, **fields: JsonValue) -> JsonValue:
        """Ask the keeper; None when there is none and it is not needed."""
        for _ in range(TRIES):
            with suppress(Lost):
                link = await self._reach(needed=needed)
                return await link.ask(verb, **fields) if link else None
        raise Unavailable("the keeper ends whenever it is asked", remedy=f"see {self._folder}/keeper.log")

    async def _reach(self, *, needed: bool) -> Link | None:
        async with self._connecting:
            if self._link and not self._link.ended.is_set():
                return self._link
            try:
                link = await self._connect(needed=needed)
            except Problem as problem:
                self._trouble = problem
                self._mind()
                raise
            if self._trouble:
                self._trouble = None
                self._tell(None)
            return link

    async def _connect(self, *, needed: bool) -> Link | None:
        link: Link | None
        if self._only_looks:
            link = await find(self._folder, self._hear, replaces=False)
        elif needed or has_something_to_keep(self._folder):
            link = await find_or_launch(self._folder, self._hear, self._python)
        else:
            link = await find(self._folder, self._hear)
        if link is None:
            self._hear({"all": left(self._folder) if self._only_looks else []})
            return None
        try:
            await link.ask("subscribe")
        except BaseException:
            await link.close()
            raise
        self._link = link
        self._mind()
        return link

    def _mind(self) -> None:
        if not self._only_looks and (self._minding is None or self._minding.done()):
            self._minding = asyncio.create_task(self._keep_reaching(), context=Context())

    async def _keep_reaching(self) -> None:
        """Whenever the keeper is gone, find or start the next one: nobody else may ask for a while."""
        pause_s = FIRST_PAUSE_S
        while True:
            if self._link and not self._link.ended.is_set():
                await self._link.ended.wait()
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            if self._closing:
                return
            with suppress(Problem, Lost):
                if await self._reach(needed=False) is None:
                    return  # there is nothing to keep
                pause_s = FIRST_PAUSE_S

    # -------------------------------------------------------------------------------------- the news

    def _hear(self, news: Mapping[str, Any]) -> None:
        match news:
            case {"process": facts}:
                self._put(facts["id"], facts)
            case {"gone": id}:
                self._put(id, None)
            case {"all": listed}:
                told = {facts["id"]: facts for facts in listed}
                for name in [*self._mirror, *told]:
                    self._put(name, told.get(name))

    def _put(self, id: str, facts: Mapping[str, Any] | None) -> None:
        process = _process(facts) if facts else None
        if self._mirror.get(id) == process:
            return
        if facts and process:
            self._mirror[id] = process
            self._families[id] = Family(
                process.pid, facts["start"], facts["token"], process.started_at, process.restarts
            )
        else:
            del self._mirror[id], self._families[id]
        if not self._only_looks:
            self._probes.see(id, process)
        self._tell(id)

    def _tell(self, id: str | None) -> None:
        loop = asyncio.get_running_loop()
        for changed in self._subscribers:
            loop.call_soon(changed, id)  # not from here: what a subscriber raises must not end the link


def _process(facts: Mapping[str, Any]) -> Process:
    exited_at = facts["exited_at"]
    return Process(
        id=facts["id"],
        pid=facts["pid"],
        state=ProcessState(facts["state"]),
        started_at=datetime.fromtimestamp(facts["started_at"], UTC),
        care=care_of(facts),
        exit_code=facts["exit_code"],
        signal=facts["signal"],
        exited_at=None if exited_at is None else datetime.fromtimestamp(exited_at, UTC),
        asked=facts["asked"],
        restarts=facts["restarts"],
    )
