"""What was started from an event loop outlives it: the loop only asks, the keeper is the parent."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reconciler.drivers.processes import Processes
from reconciler.ports.processes import Process, Run
from tests.drivers.processes.rigs import driver

RUN = Run("default/web", (sys.executable, "-c", "import time; time.sleep(3600)"))


def in_a_loop_of_its_own(folder: Path, work: Callable[[Processes], Awaitable[Process]]) -> Process:
    """A loop that begins and ends with this: what it leaves behind must need none."""

    async def whole() -> Process:
        processes = driver(folder)
        await processes.open()
        try:
            return await work(processes)
        finally:
            await processes.close()

    return asyncio.run(whole())


@pytest.mark.req("DMN-11")
def test_a_process_outlives_the_loop_that_started_it(tmp_path: Path) -> None:
    async def known(processes: Processes) -> Process:
        return (await processes.fresh())[RUN.id]

    async def ended(processes: Processes) -> Process:
        found = await known(processes)
        await processes.shutdown()
        return found

    started = in_a_loop_of_its_own(tmp_path, lambda processes: processes.start(RUN))
    for _ in range(3):
        again = in_a_loop_of_its_own(tmp_path, lambda processes: processes.start(RUN))
        assert (again.pid, again.restarts) == (started.pid, 0), "found, and not doubled"
    assert in_a_loop_of_its_own(tmp_path, known).pid == started.pid
    assert in_a_loop_of_its_own(tmp_path, ended).pid == started.pid
    assert not Path(f"/proc/{started.pid}").exists()
