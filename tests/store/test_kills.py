"""A process that commits is killed at random moments: what it was promised is there, and nothing by half."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconciler.errors import Unavailable
from reconciler.ports.store import Saved
from reconciler.store.comparing import open_read_only
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from tests.store.committer import TASKS, ref
from tests.store.records import FixedClock, judged

KILLS = int(os.environ.get("HOLDFAST_KILLS", "40"))
ROUNDS = 4  # as many tests, so that they run side by side


@asynccontextmanager
async def committing(path: Path) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.committer", str(path), stdout=PIPE, limit=1 << 24
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@pytest.mark.random
@pytest.mark.timeout(300 + 10 * KILLS)
@pytest.mark.req("CORE-27", "EVT-05")
@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_what_was_promised_is_there_after_a_kill(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    promised = dict.fromkeys(range(TASKS), -1)
    for _ in range(max(KILLS // ROUNDS, 1)):
        async with committing(path) as child:
            assert child.stdout is not None
            told = await child.stdout.readline()  # it is at work
            await asyncio.sleep(chance.expovariate(1 / 0.15))  # the moment is the random part of the test
            child.send_signal(signal.SIGKILL)
            told += await child.stdout.read()
        for line in told.decode().splitlines():
            task, number = map(int, line.split())
            assert number == promised[task] + 1
            promised[task] = number
        store = await open_store(path, FixedClock())
        try:
            assert "rebuilt" not in (await store.load()).notes
            promised = await look(store, promised)
        finally:
            await store.close()
    assert min(promised.values()) > 0


async def look(store: SqliteStore, promised: dict[int, int]) -> dict[int, int]:
    """Compare all with what was promised; the last commit of each task may have been made unheard."""
    saved = await store.load()
    made = {task: saved.notes.get(ref(task).name, -1) for task in promised}
    assert all(made[task] in {number, number + 1} for task, number in promised.items())
    for task, number in made.items():
        if number >= 0:
            whole(saved, task, number)
            assert [plan.generation for plan in await store.plans(ref(task), 3)] == [
                earlier for earlier in (number, number - 1, number - 2) if earlier >= 0
            ]
            latest = (await store.revisions(ref(task).name, 1))[0]
            assert latest.message == str(number - 1 if number % 3 == 2 else number)
            assert await store.revision_files(ref(task).name, latest.revision)
    events = await store.events(0, 10_000_000)
    assert [one.id for one in events] == list(range(1, len(events) + 1))
    for task, number in made.items():
        mine = [one.data["number"] for one in events if one.subject == ref(task)]
        assert mine == list(range(number + 1))
    return made


def whole(saved: Saved, task: int, number: int) -> None:
    """All that one commit wrote bears its number, or is gone if it was one that takes away."""
    if number % 3 == 2:
        assert not {ref(task)} & {*saved.inventory, *saved.memory, *saved.statuses}
    else:
        assert saved.inventory[ref(task)].spec == {"number": number}
        assert saved.memory[ref(task)] == {"number": number}
        assert saved.statuses[ref(task)] == judged(ref(task), str(number)).status


async def test_who_reads_while_a_node_writes_is_told_or_sees_a_whole_state(path: Path) -> None:
    """No node may run then; should one, nothing wrong is shown, nor damage reported that is none."""
    outcomes = set()
    async with committing(path) as child:
        assert child.stdout is not None
        await child.stdout.readline()
        for _ in range(40):
            try:
                store = await open_read_only(path)
            except Unavailable:
                outcomes.add("told")
                continue
            saved = await store.load()
            await store.close()
            outcomes.add("whole")
            for task in range(TASKS):
                if (number := saved.notes.get(ref(task).name, -1)) >= 0:
                    whole(saved, task, number)
    assert "told" in outcomes
