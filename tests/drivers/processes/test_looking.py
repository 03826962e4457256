"""Who only looks: nothing is started, written or ended, with a keeper there or without one."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.drivers.processes import Processes
from reconciler.drivers.processes.launch import ISOLATED, KEEPER
from reconciler.errors import Unavailable
from reconciler.ports.health import Check, CommandCheck
from reconciler.ports.processes import Care, Process, ProcessState, Run
from tests.drivers.processes.alive import living
from tests.drivers.processes.rigs import PATIENCE_S, driver, until
from tests.process_table import started_on

pytestmark = pytest.mark.req("CORE-05", "TST-47")

ENV = {"PATH": os.environ["PATH"]}
SLEEP = ("sleep", "3600")


@pytest.fixture
async def acting(processes: Processes) -> AsyncIterator[Processes]:
    yield processes
    await processes.open()  # a keeper again, which finds what runs


async def keeper_killed(acting: Processes) -> None:
    link = acting._link
    assert link is not None
    await acting.close()
    killed(link.keeper_pid)


def killed(pid: int) -> None:
    """It is gone when this returns."""
    handle = os.pidfd_open(pid)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    assert select.select([handle], [], [], PATIENCE_S)[0]
    os.close(handle)


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


async def seen(folder: Path) -> dict[str, Process]:
    """By one who only looks: all is afterwards as it was before."""
    before = files(folder), set(started_on(folder))
    looking = driver(folder)
    await looking.look()
    try:
        await looking.fresh()
        assert not any(looking.health(one) for one in looking.processes()), "it has checks asked"
        return dict(looking.processes())
    finally:
        await looking.close()
        assert (files(folder), set(started_on(folder))) == before


async def test_without_a_keeper_the_records_tell_what_runs(acting: Processes, folder: Path) -> None:
    check = Check(CommandCheck(("true",)))
    runs = await acting.start(
        Run("shop/runs", SLEEP, env=ENV, care=Care(check=check, labels={"spec": "abc"}))
    )
    held = await acting.start(Run("held", SLEEP, env=ENV))
    dies = await acting.start(Run("dies", SLEEP, env=ENV))
    await acting.start(Run("ended", ("sh", "-c", "exit 3"), env=ENV))
    os.kill(held.pid, signal.SIGSTOP)
    known = await until(
        acting,
        lambda all_: (all_["ended"].state, all_["held"].state) == (ProcessState.EXITED, ProcessState.STOPPED),
    )
    before = dict(known)
    assert await seen(folder) == before, "the keeper tells it"
    await keeper_killed(acting)
    killed(dies.pid)
    found = await seen(folder)
    lost = found.pop("dies")
    assert (lost.state, lost.exit_code, lost.asked) == (ProcessState.EXITED, None, False)
    del before["dies"]
    assert found == before
    assert found["shop/runs"] == runs


async def test_what_is_left_of_one_that_ended_is_ending(acting: Processes, folder: Path) -> None:
    process = await acting.start(Run("web", ("sh", "-c", "sleep 3600 & exec sleep 3600"), env=ENV))
    async with asyncio.timeout(PATIENCE_S):
        while len(living(folder)) < 2:
            await acting.fresh()
    await keeper_killed(acting)
    killed(process.pid)
    assert (await seen(folder))["web"].state is ProcessState.ENDING


async def test_a_lost_record_is_not_taken_for_nothing(acting: Processes, folder: Path) -> None:
    await acting.start(Run("web", SLEEP, env=ENV))
    await keeper_killed(acting)
    (folder / "state" / "web.json").write_text("{")
    with pytest.raises(Unavailable, match="its records are lost"):
        await seen(folder)


async def test_records_that_cannot_be_read_are_said_to_be_so(acting: Processes, folder: Path) -> None:
    await acting.start(Run("web", SLEEP, env=ENV))
    await keeper_killed(acting)
    record = folder / "state" / "web.json"
    record.rename(folder / "web.json")
    record.mkdir()
    with pytest.raises(Unavailable, match="cannot be told: Is a directory"):
        await seen(folder)
    record.rmdir()
    (folder / "web.json").rename(record)


async def test_where_nothing_ever_ran_nothing_is_made(folder: Path) -> None:
    assert await seen(folder) == {}
    assert not folder.exists()


async def test_a_keeper_of_another_version_is_left_alone(
    acting: Processes, folder: Path, tmp_path: Path
) -> None:
    process = await acting.start(Run("web", SLEEP, env=ENV))
    await keeper_killed(acting)
    old = tmp_path / "old" / "keeper"
    shutil.copytree(KEEPER, old, ignore=shutil.ignore_patterns("__pycache__"))
    server = old / "server.py"
    server.write_text(server.read_text().replace("PROTOCOL = 1", "PROTOCOL = 0"))
    subprocess.run([*ISOLATED, old, folder], check=True, timeout=PATIENCE_S)
    assert (await seen(folder))["web"] == process
