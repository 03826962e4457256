"""The node under faults, crashes and people: every seed ends where it should, and none ever does harm.

`HOLDFAST_SEEDS` says how many (`make test` 2,000, `make soak` 100,000); a failing one is printed with the
command that replays it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.simulation.own_kinds import OwnSimulation
from tests.simulation.simulation import Simulation
from tests.simulation.virtual_time import simulate

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("HOLDFAST_SEEDS", "100"))
AT_ONCE = 25
REPLAY = ".venv/bin/python -m tests.simulation {} {}"


def _live(world: type[Simulation], first: int, end: int) -> None:
    own = "own" if world is OwnSimulation else ""
    for seed in range(first, end):
        try:
            diary = world(seed).run()
        except Exception as wrong:
            raise AssertionError(f"seed {seed}: {wrong}\n  replay: {REPLAY.format(seed, own)}") from wrong
        assert diary.lines


@pytest.mark.random
@pytest.mark.req("CORE-02", "TST-47")
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_history_ends_in_what_is_wanted(first: int) -> None:
    _live(Simulation, first, min(first + AT_ONCE, SEEDS))


@pytest.mark.random
@pytest.mark.req("CORE-02", "CORE-08", "TST-47")
@pytest.mark.parametrize("first", range(0, SEEDS // 4, AT_ONCE))
def test_so_does_every_history_of_the_nodes_own_kinds(first: int) -> None:
    _live(OwnSimulation, first, min(first + AT_ONCE, SEEDS // 4))


@pytest.mark.req("TST-47")
@pytest.mark.parametrize("seed", [4, 57, 204])
def test_the_same_seed_lives_the_same_life_in_any_process(seed: int) -> None:
    """Not only twice in one process: the order of sets and hashes differs from one to the next."""
    here = Simulation(seed).run().digest
    for hashes in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", str(seed)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == f"digest {here}"


def test_another_seed_lives_another_life() -> None:
    assert Simulation(1).run().digest != Simulation(2).run().digest


def test_who_is_cancelled_first_does_not_depend_on_where_in_memory_the_tasks_lie() -> None:
    async def cancelled() -> tuple[int, ...]:
        heard: list[int] = []

        async def wait(number: int) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                heard.append(number)

        async def crowd() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(30):
                    group.create_task(wait(number))

        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await crowd()
        return tuple(heard)

    ballast: list[object] = []
    orders = set()
    for size in range(20):
        ballast.extend(bytearray(100 * size) for _ in range(size))
        orders.add(simulate(cancelled, seed=1))
    assert len(orders) == 1
