"""A thousand processes under one keeper: it stays small, sleeps while nothing happens, and keeps up."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from itertools import islice
from pathlib import Path

import pytest

from reconciler.drivers.processes import Processes
from reconciler.ports.processes import ProcessState, Run
from tests.drivers.processes.alive import all_is_known, living
from tests.drivers.processes.rigs import driver
from tests.measured import Measured

ENV = {"PATH": os.environ["PATH"]}
MIB = 1 << 20
MANY = [f"shop/service-{number}" for number in range(1000)]


def keeper_pid(processes: Processes) -> int:
    link = processes._link
    assert link is not None
    return link.keeper_pid


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def ends_told(processes: Processes, ids: list[str]) -> list[float]:
    """How long each took from its kill to the news of it."""
    told: dict[str, asyncio.Future[float]] = {}

    def changed(what: str | None) -> None:
        if what in told and processes.processes()[what].state is ProcessState.EXITED:
            told.pop(what).set_result(time.perf_counter())

    processes.subscribe(changed)
    took = []
    for service in ids:
        news = told[service] = asyncio.get_running_loop().create_future()
        killed = time.perf_counter()
        os.kill(processes.processes()[service].pid, signal.SIGKILL)
        took.append(await news - killed)
    return took


@pytest.mark.timed
async def test_a_thousand_processes(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    processes = driver(folder)
    await processes.start(Run("first", ("sleep", "3600"), env=ENV))
    small = resident(keeper_pid(processes))
    began = time.perf_counter()
    await asyncio.gather(*(processes.start(Run(name, ("sleep", "3600"), env=ENV)) for name in MANY[:100]))
    hundred_s, medium = time.perf_counter() - began, resident(keeper_pid(processes))
    await asyncio.gather(*(processes.start(Run(name, ("sleep", "3600"), env=ENV)) for name in MANY[100:]))
    large, before = resident(keeper_pid(processes)), ticks(keeper_pid(processes))
    await asyncio.sleep(2)  # this long it does nothing
    idle = ticks(keeper_pid(processes)) - before
    p95_s, victims = Measured(0.25), iter(MANY)
    while p95_s.is_open:
        took = await ends_told(processes, [*islice(victims, 100)])
        p95_s.add(statistics.quantiles(took, n=20)[-1])
    living_on = 1 + len([*victims])

    began = time.perf_counter()
    os.kill(keeper_pid(processes), signal.SIGKILL)
    await all_is_known(folder, processes)
    adopted_s = time.perf_counter() - began
    assert len(living(folder)) == living_on
    await processes.shutdown()
    assert living(folder) == {}

    print(  # noqa: T201 - shown by -rP
        f"resident {small / MIB:.1f} MiB with 1, {medium / MIB:.1f} with 100, {large / MIB:.1f} with 1,000; "
        f"100 started in {hundred_s:.2f} s; killed to told p95 {p95_s.best * 1000:.1f} ms; "
        f"adopted in {adopted_s:.2f} s"
    )
    assert idle == 0
    assert small < 16 * MIB
    assert large < 24 * MIB
    assert hundred_s < 5
    assert p95_s.best <= p95_s.goal
    assert adopted_s < 10
