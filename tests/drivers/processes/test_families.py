"""What a process leaves behind is ended with it, wherever it hides; what is not its own is never touched."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from reconciler.drivers.processes import Processes
from reconciler.drivers.processes.keeper import proc
from reconciler.drivers.processes.keeper.census import Census
from reconciler.drivers.processes.keeper.record import ENDING, EXITED, Record, Records
from reconciler.drivers.processes.launch import KEEPER
from reconciler.errors import NotFound
from reconciler.model import JsonValue
from reconciler.ports.processes import Care, Process, ProcessState, Run
from tests.drivers.processes.alive import all_is_known, living
from tests.drivers.processes.rigs import PATIENCE_S, driver, until
from tests.process_table import started_on, words_of_all

ENV = {"PATH": os.environ["PATH"]}
TERM, KILL = signal.SIGTERM, signal.SIGKILL


def unique_nap() -> str:
    return f"3600.{random.randrange(10**9):09}"


def shell(script: str, id: str = "web", grace_s: float = 10) -> Run:
    return Run(id, ("sh", "-c", script), env=ENV, care=Care(grace_s=grace_s))


async def printed(processes: Processes, word: str, id: str = "web") -> None:
    async with asyncio.timeout(PATIENCE_S):
        async for line in processes.logs(id, follow=True):
            if line.text == word:
                return


def keeper_of(folder: Path) -> int:
    """Found without asking it."""
    (found,) = (pid for pid, words in started_on(folder).items() if str(KEEPER) in words)
    return found


async def kill_keeper(processes: Processes) -> None:
    link = processes._link
    assert link is not None
    os.kill(link.keeper_pid, KILL)
    await link.ended.wait()
    await processes.fresh()


FAMILIES = {
    "a child": "sleep $NAP & echo ready; wait",
    "one that ignores its signal": "sh -c 'trap \"\" TERM; sleep $NAP & echo ready; wait' & wait",
    "a daemon of its own session": "setsid sleep $NAP & echo ready; wait",
    "a daemon whose parent has left": "(setsid sleep $NAP &); echo ready; exec sleep 3600",
    "a child without our environment": "env -i sleep $NAP & echo ready; wait",
}


def napping(nap: str) -> list[int]:
    """Who sleeps just that long."""
    return [pid for pid, words in words_of_all().items() if words[:2] == ["sleep", nap]]


async def asleep(nap: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(napping, nap):
            pass


@pytest.mark.parametrize("keeper_lives", [True, False], ids=["its keeper lives", "its keeper was killed"])
@pytest.mark.parametrize("family", FAMILIES)
async def test_stop_ends_the_whole_family(
    processes: Processes, folder: Path, family: str, keeper_lives: bool
) -> None:
    nap = unique_nap()
    await processes.start(shell(FAMILIES[family].replace("$NAP", nap)))
    await printed(processes, "ready")
    await asleep(nap)
    if not keeper_lives:
        await kill_keeper(processes)
    await processes.stop("web", TERM, 0.3)
    assert processes.processes()["web"].state is ProcessState.EXITED
    assert napping(nap) == []
    assert living(folder) == {}


@pytest.mark.parametrize("keeper_lives", [True, False], ids=["its keeper lives", "its keeper was killed"])
@pytest.mark.parametrize("family", FAMILIES)
async def test_when_the_leader_dies_what_is_left_is_ended_before_it_counts_as_over(
    processes: Processes, family: str, keeper_lives: bool
) -> None:
    nap = unique_nap()
    process = await processes.start(shell(FAMILIES[family].replace("$NAP", nap), grace_s=0.3))
    await printed(processes, "ready")
    await asleep(nap)
    if not keeper_lives:
        await kill_keeper(processes)
    os.kill(process.pid, KILL)
    ended = (await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED))["web"]
    assert napping(nap) == []
    assert (ended.signal, ended.asked) == (KILL if keeper_lives else None, False)


async def test_what_is_left_by_one_that_died_while_no_keeper_was_there_is_ended(processes: Processes) -> None:
    nap = unique_nap()
    process = await processes.start(shell(f"setsid sleep {nap} & echo ready; wait", grace_s=0.3))
    await asleep(nap)
    await processes.close()
    keeper = keeper_of(processes._folder)
    os.kill(keeper, signal.SIGSTOP)
    os.kill(process.pid, KILL)
    os.kill(keeper, KILL)
    await processes.open()
    ended = (await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED))["web"]
    assert (ended.exit_code, ended.signal) == (None, None)
    assert napping(nap) == []


async def test_strays_are_waited_for_and_leave_no_zombies(processes: Processes) -> None:
    await processes.start(shell("for n in 1 2 3 4 5; do (sleep 0 &); done; echo ready; exec sleep 3600"))
    await printed(processes, "ready")
    link = processes._link
    assert link is not None
    async with asyncio.timeout(PATIENCE_S):
        while proc.children(link.keeper_pid) != {processes.processes()["web"].pid}:
            await processes.fresh()


async def test_a_pid_that_is_another_process_now_is_not_touched(processes: Processes, folder: Path) -> None:
    """The record says that our process had this pid; it has started at another tick."""
    await processes.start(shell("exec sleep 3600"))
    await processes.close()
    stranger = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    records = Records(folder)
    record = records.load()[0]
    old, record.pid = record.pid, stranger.pid
    who = proc.stat(stranger.pid)
    assert who is not None
    record.start = who.start - 1
    keeper = keeper_of(folder)
    os.kill(keeper, KILL)
    os.kill(old, KILL)
    records.save(record)
    await processes.open()
    ended = (await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED))["web"]
    assert ended.exit_code is None
    await processes.stop("web", KILL, 0)
    with pytest.raises(NotFound):
        await processes.resume("web")
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


async def test_records_of_an_earlier_boot_are_ends_and_no_restarts(
    processes: Processes, folder: Path
) -> None:
    process = await processes.start(shell("exec sleep 3600"))
    await processes.close()
    keeper = keeper_of(folder)
    os.kill(keeper, KILL)
    os.kill(process.pid, KILL)
    records = Records(folder)
    record = records.load()[0]
    record.boot, record.pid, record.start = "another", 1, getattr(proc.stat(1), "start", 0)
    records.save(record)
    await processes.open()
    assert processes.processes()["web"].state is ProcessState.EXITED
    again = await processes.start(shell("exec sleep 3600"))
    assert again.restarts == 0


@pytest.mark.parametrize("boot", ["this boot", "an earlier boot"])
async def test_the_session_that_has_the_number_of_one_that_was_ending_is_not_touched(
    processes: Processes, folder: Path, boot: str
) -> None:
    """The keeper was killed while it ended a family; by the next keeper's time the number is a stranger's."""
    nap = unique_nap()
    stranger = subprocess.Popen(["sh", "-c", f"sleep {nap} & wait"], start_new_session=True)
    await asleep(nap)
    (folder / "state").mkdir(parents=True)
    record = Record("web", "0123456789abcdef:web:1", proc.boot_id() if boot == "this boot" else "another")
    record.pid, record.start, record.state, record.exited_at = stranger.pid, 1, ENDING, 1.0
    record.grace_s = 0.0
    Records(folder).save(record)
    await processes.open()
    await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)
    left = napping(nap)
    os.killpg(stranger.pid, KILL)
    stranger.wait()
    assert left != []


async def test_what_bears_the_token_of_one_that_has_exited_is_ended(
    processes: Processes, folder: Path
) -> None:
    (folder / "state").mkdir(parents=True)
    records = Records(folder)
    record = Record("web", f"{records.home()}:web:0123", proc.boot_id())
    record.pid, record.state, record.exited_at, record.grace_s = 1, EXITED, 1.0, 0.0
    records.save(record)
    left = subprocess.Popen(["sleep", "3600"], env=ENV | {proc.TOKEN: record.token}, start_new_session=True)
    await processes.open()
    assert await asyncio.to_thread(left.wait, 20) in (-TERM, -KILL)
    await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)


async def test_a_session_whose_leader_is_another_process_is_no_family() -> None:
    """The number is given out again while what is left of a family, in sessions of its own, is ending."""
    nap = unique_nap()
    stranger = subprocess.Popen(["sh", "-c", f"sleep {nap} & wait"], start_new_session=True)
    await asleep(nap)
    record = Record("web", "0123456789abcdef:web:1", proc.boot_id())
    record.pid, record.start = stranger.pid, 1
    found = Census().family(record, by_session=True)
    os.killpg(stranger.pid, KILL)
    stranger.wait()
    assert found == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": "web"}', "\0" * 100, '{"id":' * 5000])
async def test_a_torn_record_loses_neither_its_process_nor_the_others(
    processes: Processes, folder: Path, text: str
) -> None:
    web, db = (
        await processes.start(shell("exec sleep 3600")),
        await processes.start(shell("exec sleep 3600", "db")),
    )
    (folder / "state" / "web.json").write_text(text)
    await kill_keeper(processes)
    await all_is_known(folder, processes)
    found = processes.processes()
    assert (found["web"].pid, found["db"]) == (web.pid, db)
    assert found["web"].care.labels == {}, "what it was started with is lost with the record"
    assert (folder / "state" / "web.broken").exists()


@pytest.mark.parametrize("wrong", [{"pid": 0}, {"pid": -1}, {"exited_at": "noon"}, {"exit_code": []}])
async def test_a_record_of_what_cannot_be_is_put_aside(
    processes: Processes, folder: Path, wrong: dict[str, JsonValue]
) -> None:
    await processes.start(shell("exec sleep 3600"))
    record = folder / "state" / "web.json"
    link = processes._link
    assert link is not None
    record.write_text(json.dumps(json.loads(record.read_text()) | wrong))
    os.kill(link.keeper_pid, KILL)
    await link.ended.wait()
    assert (await processes.fresh())["web"].state is ProcessState.RUNNING
    assert (folder / "state" / "web.broken").exists()


async def test_what_was_found_without_its_record_has_one_again(processes: Processes, folder: Path) -> None:
    web = await processes.start(shell("exec sleep 3600"))
    (folder / "state" / "web.json").unlink()
    for _ in range(2):
        await kill_keeper(processes)
        assert (await processes.fresh())["web"].pid == web.pid
    assert [record.pid for record in Records(folder).load()] == [web.pid]


async def lose_the_leader_and_its_record(web: Process, processes: Processes, folder: Path) -> None:
    await processes.close()
    keeper = keeper_of(folder)
    os.kill(keeper, signal.SIGSTOP)
    os.kill(web.pid, KILL)
    os.kill(keeper, KILL)
    (folder / "state" / "web.json").unlink()


async def test_what_is_left_of_a_lost_record_without_its_leader_is_killed(
    processes: Processes, folder: Path
) -> None:
    nap = unique_nap()
    web = await processes.start(shell(f"sleep {nap} & wait"))
    await asleep(nap)
    await processes.start(shell("exec sleep 3600", "db"))
    await lose_the_leader_and_its_record(web, processes, folder)
    await processes.open()
    await all_is_known(folder, processes)
    assert napping(nap) == []


async def test_a_daemon_that_leads_itself_is_adopted_where_the_record_is_lost(
    processes: Processes, folder: Path
) -> None:
    nap = unique_nap()
    web = await processes.start(shell(f"setsid sleep {nap} & wait"))
    await asleep(nap)
    await lose_the_leader_and_its_record(web, processes, folder)
    await processes.open()
    assert [processes.processes()["web"].pid] == napping(nap)


async def test_an_adopted_one_that_ignores_its_signal_is_killed_with_its_children(
    processes: Processes,
) -> None:
    nap = unique_nap()
    await processes.start(shell(f"trap '' TERM; sleep {nap} & echo ready; wait; exec sleep {nap}"))
    await printed(processes, "ready")
    await asleep(nap)
    await kill_keeper(processes)
    await processes.stop("web", TERM, 0.2)
    assert napping(nap) == []
    assert processes.processes()["web"].asked


async def test_an_adopted_one_is_seen_frozen_and_goes_on_with_its_children(processes: Processes) -> None:
    nap = unique_nap()
    web = await processes.start(shell(f"sleep {nap} & wait"))
    await asleep(nap)
    await kill_keeper(processes)
    os.killpg(web.pid, signal.SIGSTOP)
    await until(processes, lambda all_: all_["web"].state is ProcessState.STOPPED)
    await kill_keeper(processes)
    await until(processes, lambda all_: all_["web"].state is ProcessState.STOPPED)
    await processes.resume("web")
    await until(processes, lambda all_: all_["web"].state is ProcessState.RUNNING)
    async with asyncio.timeout(PATIENCE_S):  # it has to get its turn before it can fall asleep again
        while [getattr(proc.stat(pid), "state", "") for pid in napping(nap)] != ["S"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_two_folders_never_touch_each_other(processes: Processes, tmp_path: Path) -> None:
    mine = await processes.start(shell("exec sleep 3600"))
    other = driver(tmp_path / "other")
    await other.open()
    theirs = await other.start(shell("exec sleep 3600"))
    await kill_keeper(processes)
    await kill_keeper(other)
    assert (await processes.fresh())["web"].pid == mine.pid
    assert (await other.fresh())["web"].pid == theirs.pid
    await other.shutdown()
    assert (await processes.fresh())["web"].state is ProcessState.RUNNING


async def test_sigterm_to_the_keeper_ends_everything_in_order(processes: Processes, folder: Path) -> None:
    await processes.start(shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"))
    await printed(processes, "ready")
    await processes.close()
    keeper = keeper_of(folder)
    pidfd = os.pidfd_open(keeper)
    os.kill(keeper, TERM)
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(pidfd, gone.set)
    async with asyncio.timeout(PATIENCE_S):
        await gone.wait()
    asyncio.get_running_loop().remove_reader(pidfd)
    os.close(pidfd)
    assert living(folder) == {}
    await processes.open()
    ended = processes.processes()["web"]
    assert (ended.exit_code, ended.asked) == (5, True)
