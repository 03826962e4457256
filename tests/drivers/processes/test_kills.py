"""The keeper is killed by SIGKILL, at random moments and at chosen lines: no process is doubled or orphaned.

A process that has started once goes on as the same process; each start and stop that was asked for is
done in the end; exit codes are known wherever a keeper was there to see them.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.drivers.processes import Processes
from reconciler.errors import Problem
from reconciler.ports.processes import Care, ProcessState, Run
from reconciler.runtime.clock import SystemClock
from tests.drivers.processes.alive import all_is_known, leaders, living
from tests.drivers.processes.rigs import driver, until

KILLS = int(os.environ.get("HOLDFAST_KILLS", "40"))
LINES = Path(__file__).with_name("killed_at_line.py")
ENV = {"PATH": os.environ["PATH"]}
SLEEPER = ("sleep", "3600")
IDS = [f"shop/service-{number}" for number in range(6)]


def keeper_pid(processes: Processes) -> int | None:
    link = processes._link
    return None if link is None or link.ended.is_set() else link.keeper_pid


async def work(processes: Processes, id: str, chance: random.Random) -> None:
    """Start, stop, freeze and end one service, again and again, as the engine would."""
    while True:
        code = chance.randrange(2, 100)
        brief = chance.random() < 0.4
        argv = ("sh", "-c", f"sleep 0.0{chance.randrange(10)}; exit {code}") if brief else SLEEPER
        process = await processes.start(Run(id, argv, env=ENV, care=Care({"code": str(code)})))
        if brief:
            ended = (await until(processes, lambda all_: all_[id].state is ProcessState.EXITED))[id]
            true = {int(ended.care.labels["code"]), None}  # of this one, or of the one that ran already
            assert ended.exit_code in true, "it is the true one, or is said not to be known"
        elif chance.random() < 0.3:
            with suppress(ProcessLookupError):  # a brief one that ran already may have come to its end
                os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(chance.uniform(0, 0.05))
        await processes.stop(id, signal.SIGTERM, 5)


@pytest.mark.random
@pytest.mark.req("CORE-27")
@pytest.mark.timeout(300 + 10 * KILLS)
async def test_a_keeper_killed_at_any_moment_doubles_and_orphans_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("HOLDFAST_SEED", random.randrange(1 << 32)))
    print(f"HOLDFAST_SEED={seed}")  # noqa: T201 - shown when it fails
    chance = random.Random(seed)
    folder = tmp_path / "node"
    processes = driver(folder)
    await processes.open()
    for _ in range(KILLS):
        workers = [
            asyncio.create_task(work(processes, service, random.Random(chance.random()))) for service in IDS
        ]
        await asyncio.sleep(chance.uniform(0.02, 0.25))
        victim = keeper_pid(processes)
        if victim:
            os.kill(victim, signal.SIGKILL)
        await asyncio.sleep(chance.uniform(0, 0.2))
        for worker in workers:
            worker.cancel()
        ends = await asyncio.gather(*workers, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError | Problem) for end in ends), ends
        await all_is_known(folder, processes)
    await processes.shutdown()
    assert living(folder) == {}


async def story(processes: Processes) -> None:
    """One life, from the first start to the last trace."""
    run = Run("web", ("sh", "-c", "echo hello; exec sleep 3600"), env=ENV, care=Care({"spec": "abc"}))
    first = await processes.start(run)
    assert (await processes.start(run)).pid == first.pid
    await processes.stop("web", signal.SIGTERM, 5)
    second = await processes.start(run)
    assert second.pid != first.pid
    os.kill(second.pid, signal.SIGKILL)
    await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)
    await processes.forget("web", logs=True)
    assert await processes.fresh() == {}


@pytest.mark.random
@pytest.mark.req("CORE-27")
@pytest.mark.timeout(300 + 10 * KILLS)
async def test_a_keeper_killed_at_any_of_its_lines_does_all_the_same(tmp_path: Path) -> None:
    number = tmp_path / "number"
    python = (sys.executable, str(LINES), str(number))
    number.write_text("0")
    whole = Processes(tmp_path / "whole", SystemClock(), python=python)
    await story(whole)
    await whole.shutdown()
    lines = int(number.with_suffix(".seen").read_text())
    assert lines > 500
    for line in sorted(random.Random(KILLS).sample(range(1, lines), min(KILLS, lines - 1))):
        number.write_text(str(line))
        folder = tmp_path / str(line)
        processes = Processes(folder, SystemClock(), python=python)
        told = f"killed at line {line} of {lines}"
        await story(processes)
        assert leaders(folder) == {}, told
        await processes.shutdown()
        assert living(folder) == {}, told
        while number.exists():  # what comes together takes fewer lines: this life goes on until it is hit
            await story(processes)
            assert leaders(folder) == {}, told
        await processes.shutdown()
        assert living(folder) == {}, told
