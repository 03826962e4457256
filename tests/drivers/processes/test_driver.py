"""What only the real driver can go through: keepers that die, hang or are old; secrets; users."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select

import pytest

from reconciler.drivers.processes import Processes
from reconciler.drivers.processes.launch import ISOLATED, KEEPER
from reconciler.errors import Failed, Invalid, Problem, TimedOut, Unavailable
from reconciler.ports.processes import Care, ProcessState, Run
from reconciler.runtime.clock import SystemClock
from tests.drivers.processes.alive import living
from tests.drivers.processes.rigs import PATIENCE_S, PYTHON, driver, until

ENV = {"PATH": os.environ["PATH"]}
SLEEP = ("sleep", "3600")


def keeper_pid(processes: Processes) -> int:
    link = processes._link
    assert link is not None
    return link.keeper_pid


async def words(processes: Processes, id: str = "web") -> list[str]:
    await until(processes, lambda all_: all_[id].state is ProcessState.EXITED)
    return [line.text async for line in processes.logs(id)]


# ---------------------------------------------------------------------------------------- the keeper


async def test_no_keeper_runs_before_there_is_something_to_keep(processes: Processes, folder: Path) -> None:
    await processes.fresh()
    await processes.stop("web", signal.SIGTERM, 1)
    await processes.forget("web")
    await processes.shutdown()
    assert not folder.exists()


async def test_a_keeper_with_nothing_to_keep_goes_with_who_leaves_it(
    processes: Processes, folder: Path
) -> None:
    await processes.start(Run("web", ("true",), env=ENV))
    await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)
    other = driver(folder)
    await other.open()
    keeper = os.pidfd_open(keeper_pid(processes))
    try:
        await processes.close()
        assert (await other.fresh())["web"].state is ProcessState.EXITED, "there is still who listens"
        await other.close()
        assert select([keeper], [], [], PATIENCE_S)[0] == [keeper]
    finally:
        os.close(keeper)
    await processes.open()
    assert processes.processes()["web"].exit_code == 0, "the next one knows what there was"


async def test_a_keeper_stays_with_what_runs_whoever_leaves(processes: Processes) -> None:
    process = await processes.start(Run("web", SLEEP, env=ENV))
    pid = keeper_pid(processes)
    await processes.close()
    await processes.open()
    assert keeper_pid(processes) == pid
    assert processes.processes()["web"].pid == process.pid


async def test_many_first_starts_at_once_start_one_keeper(processes: Processes, folder: Path) -> None:
    others = [driver(folder) for _ in range(3)]
    runs = [(each, Run(f"s{number}", SLEEP, env=ENV)) for number, each in enumerate([processes, *others] * 3)]
    await asyncio.gather(*(each.start(run) for each, run in runs))
    assert len({keeper_pid(each) for each in (processes, *others)}) == 1
    assert len(await processes.fresh()) == 12
    for each in others:
        await each.close()


async def test_a_killed_keeper_is_replaced_at_once_and_its_news_go_on(processes: Processes) -> None:
    process = await processes.start(Run("web", SLEEP, env=ENV, care=Care({"spec": "abc"})))
    first = keeper_pid(processes)
    os.kill(first, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    ended = (await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED))["web"]
    await processes.fresh()
    assert keeper_pid(processes) != first
    assert (ended.pid, ended.care.labels, ended.asked) == (process.pid, {"spec": "abc"}, False)


async def test_a_keeper_that_hangs_is_named_and_hangs_nobody(processes: Processes) -> None:
    await processes.start(Run("web", SLEEP, env=ENV))
    pid = keeper_pid(processes)
    os.kill(pid, signal.SIGSTOP)
    link = processes._link
    assert link is not None
    with pytest.raises(TimedOut, match=rf"the keeper \(pid {pid}\) has not done 'list' within 0.1 s"):
        await link.ask("list", patience_s=0.1)
    assert processes.processes()["web"].state is ProcessState.RUNNING
    os.kill(pid, signal.SIGCONT)
    assert (await processes.fresh())["web"].state is ProcessState.RUNNING


async def test_a_keeper_of_another_version_is_replaced_and_its_processes_do_not_notice(
    processes: Processes, folder: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old" / "keeper"
    shutil.copytree(KEEPER, old, ignore=shutil.ignore_patterns("__pycache__"))
    server = old / "server.py"
    server.write_text(server.read_text().replace("PROTOCOL = 1", "PROTOCOL = 0"))
    process = await processes.start(Run("web", SLEEP, env=ENV))
    await processes.close()
    os.kill(keeper_pid(processes), signal.SIGKILL)
    subprocess.run([*ISOLATED, old, folder], check=True, timeout=PATIENCE_S)
    await processes.open()
    assert f"{KEEPER}\0".encode() in Path(f"/proc/{keeper_pid(processes)}/cmdline").read_bytes()
    assert processes.processes()["web"].pid == process.pid


async def test_a_keeper_that_cannot_start_is_said_and_it_works_when_it_can(folder: Path) -> None:
    folder.touch()
    processes = driver(folder)
    with pytest.raises(
        Failed, match=rf"the keeper of {folder} could not start: .*(File exists|Not a directory)"
    ):
        await processes.start(Run("web", SLEEP, env=ENV))
    with pytest.raises(Unavailable, match="could not start"):
        processes.processes()
    told = asyncio.Event()
    processes.subscribe(lambda what: told.set() if what is None else None)
    folder.unlink()
    async with asyncio.timeout(PATIENCE_S):
        await told.wait()  # whoever asked in vain is told to ask again, and need not try for it
    assert processes.processes() == {}
    await processes.start(Run("web", SLEEP, env=ENV))
    assert processes.processes()["web"].state is ProcessState.RUNNING
    await processes.shutdown()


async def test_a_node_starts_while_its_keeper_cannot_and_says_why(processes: Processes, folder: Path) -> None:
    process = await processes.start(Run("web", SLEEP, env=ENV))
    pid = keeper_pid(processes)
    await processes.close()
    os.kill(pid, signal.SIGKILL)
    pipes = folder / "pipes"
    pipes.rename(folder / "elsewhere")
    pipes.touch()
    await processes.open()
    with pytest.raises(Unavailable, match="could not start"):
        processes.processes()
    told = asyncio.Event()
    processes.subscribe(lambda what: told.set() if what is None else None)
    pipes.unlink()
    (folder / "elsewhere").rename(pipes)
    async with asyncio.timeout(PATIENCE_S):
        await told.wait()
    assert processes.processes()["web"].pid == process.pid


async def test_a_folder_with_a_long_path_is_as_good_as_any(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    processes = driver(folder)
    await processes.start(Run("web", SLEEP, env=ENV))
    assert len(living(folder)) == 1
    await processes.shutdown()


async def test_closing_and_opening_may_happen_at_any_time(processes: Processes) -> None:
    for _ in range(3):
        await processes.start(Run("web", SLEEP, env=ENV))
        await processes.close()
        await processes.close()
        await processes.open()
        assert processes.processes()["web"].state is ProcessState.RUNNING


@contextmanager
def without(kind: int, pid: int, left: int) -> Iterator[None]:
    """Take a resource from a process for a while."""
    before = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (left, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, kind, before)


async def test_on_a_full_disk_nothing_starts_and_everything_can_be_stopped(processes: Processes) -> None:
    await processes.start(Run("web", SLEEP, env=ENV))
    await processes.start(Run("db", ("true",), env=ENV))
    await until(processes, lambda all_: all_["db"].state is ProcessState.EXITED)
    with without(resource.RLIMIT_FSIZE, keeper_pid(processes), 0):
        for name in ("db", "queue"):
            with pytest.raises(Failed, match=f"cannot start {name}: File too large"):
                await processes.start(Run(name, SLEEP, env=ENV))
        known = await processes.fresh()
        assert {name: process.state for name, process in known.items()} == {
            "web": ProcessState.RUNNING,
            "db": ProcessState.EXITED,
        }
        await processes.stop("web", signal.SIGTERM, 5)
        assert processes.processes()["web"].state is ProcessState.EXITED
    await processes.start(Run("queue", SLEEP, env=ENV))
    assert len(living(processes._folder)) == 1


async def test_without_file_numbers_nothing_starts_nobody_hangs_and_it_passes(processes: Processes) -> None:
    await processes.start(Run("web", SLEEP, env=ENV))
    other = driver(processes._folder)
    keeper = keeper_pid(processes)
    with without(resource.RLIMIT_NOFILE, keeper, 14):
        runs = [Run(f"s{number}", SLEEP, env=ENV) for number in range(10)]
        tried = await asyncio.gather(*map(processes.start, runs), return_exceptions=True)
        assert "cannot start s9: Too many open files" in map(str, tried)
        waiting = asyncio.create_task(other.open())
        assert (await processes.fresh())["web"].state is ProcessState.RUNNING
    await waiting
    assert other.processes().keys() == processes.processes().keys()
    assert {keeper_pid(other), keeper_pid(processes)} == {keeper}
    await other.close()


async def test_a_start_that_fails_for_want_of_file_numbers_leaves_none_open(processes: Processes) -> None:
    await processes.start(Run("web", SLEEP, env=ENV))
    keeper = keeper_pid(processes)
    numbers = Path(f"/proc/{keeper}/fd")
    before = {one.name for one in numbers.iterdir()}
    failed = set()
    for left in range(max(map(int, before)) + 1, max(map(int, before)) + 12):  # each of its steps may fail
        with without(resource.RLIMIT_NOFILE, keeper, left):
            try:
                await processes.start(Run("db", SLEEP, env=ENV))
            except Failed:
                failed.add(left)
        await processes.stop("db", signal.SIGKILL, 0)
        await processes.forget("db")
        async with asyncio.timeout(60):
            while {one.name for one in numbers.iterdir()} != before:
                await processes.fresh()
    assert len(failed) > 4


async def test_a_keeper_without_file_numbers_takes_no_living_process_for_dead(
    processes: Processes, folder: Path
) -> None:
    started = [await processes.start(Run(f"s{number}", SLEEP, env=ENV)) for number in range(20)]
    pid = keeper_pid(processes)
    await processes.close()
    os.kill(pid, signal.SIGKILL)
    for few in range(6, 40, 2):
        poor = Processes(folder, SystemClock(), python=("prlimit", f"--nofile={few}:{few}", *PYTHON))
        await poor.open()
        with suppress(Problem):  # it may be too poor to say anything
            assert {process.state for process in poor.processes().values()} == {ProcessState.RUNNING}
            os.kill(keeper_pid(poor), signal.SIGKILL)
        await poor.close()
    await processes.open()
    assert sorted(process.pid for process in processes.processes().values()) == [one.pid for one in started]


async def test_an_end_that_cannot_be_looked_into_for_want_of_file_numbers_is_later(
    processes: Processes,
) -> None:
    nap = "3600.5"
    web = await processes.start(Run("web", ("sh", "-c", f"sleep {nap} & wait"), env=ENV))
    keeper = keeper_pid(processes)
    with without(resource.RLIMIT_NOFILE, keeper, 3):
        os.kill(web.pid, signal.SIGKILL)
        while b"looking again" not in (processes._folder / "keeper.log").read_bytes():
            await processes.fresh()
        assert processes.processes()["web"].state is not ProcessState.EXITED
    await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)
    assert living(processes._folder) == {}


# --------------------------------------------------------------------------------------- the process


@pytest.mark.req("CORE-30")
async def test_a_secret_reaches_the_process_and_nothing_else(
    processes: Processes, folder: Path, tmp_path: Path
) -> None:
    secret = "s3cret-" + os.urandom(8).hex()
    os.mkfifo(tmp_path / "seen")
    script = f'read -r _ < {tmp_path / "seen"}; test -n "$PASSWORD"'
    run = Run("web", ("sh", "-c", script), env=ENV | {"PASSWORD": secret})
    assert secret not in repr(run)
    process = await processes.start(run)
    assert secret.encode() in Path(f"/proc/{process.pid}/environ").read_bytes()
    (tmp_path / "seen").write_text("\n")
    ended = (await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED))["web"]
    assert ended.exit_code == 0
    with pytest.raises(Failed) as failed:
        await processes.start(Run("db", ("no-such-program",), env=ENV | {"PASSWORD": secret}))
    with pytest.raises(Invalid) as invalid:
        await processes.start(Run("db", SLEEP, env=ENV | {"PASSWORD": f"{secret}\0"}))
    keeper = Path(f"/proc/{keeper_pid(processes)}")
    shown = [str(failed.value), str(invalid.value), *(str(known) for known in processes.processes().values())]
    assert not [text for text in shown if secret in text]
    assert (
        secret.encode()
        not in keeper.joinpath("environ").read_bytes() + keeper.joinpath("cmdline").read_bytes()
    )
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret.encode() in path.read_bytes()]


async def test_the_process_gets_its_environment_and_nothing_of_ours(processes: Processes) -> None:
    os.environ["OUR_OWN"] = "1"
    try:
        await processes.start(Run("web", ("env",), env={"PATH": os.environ["PATH"], "A": "with = and\nmore"}))
    finally:
        del os.environ["OUR_OWN"]
    lines = await words(processes)
    assert {"A=with = and", "more", f"PATH={os.environ['PATH']}"} <= set(lines)
    assert len([line for line in lines if line.startswith("HOLDFAST_KEEPER_TOKEN=")]) == 1
    assert len(lines) == 4


async def test_the_process_starts_as_any_program_expects(processes: Processes, tmp_path: Path) -> None:
    script = """
import os, resource, signal
print(os.getcwd())
print(os.getsid(0) == os.getpid() == os.getpgid(0))
print(os.umask(0) == 0o022)
print(os.read(0, 1) == b"")
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
print(sorted(map(int, os.listdir("/proc/self/fd")))[:3], len(os.listdir("/proc/self/fd")))
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
# From 32 on they are the C library's own, and whoever started the tests may have left one ignored.
print(*(f"{int(status[name], 16) & 0x7fffffff:016x}" for name in ("SigBlk", "SigIgn")))
"""
    soft = subprocess.check_output(["sh", "-c", "ulimit -n"], text=True).strip()
    await processes.start(Run("web", (sys.executable, "-I", "-S", "-c", script), env=ENV, cwd=str(tmp_path)))
    got = await words(processes)
    # Python itself ignores SIGPIPE (13) and SIGXFSZ (25); the fourth file is the listing's own.
    assert got == [
        str(tmp_path),
        "True",
        "True",
        "True",
        soft,
        "[0, 1, 2]" + " 4",
        f"{0:016x} {(1 << 12) + (1 << 24):016x}",
    ]


async def test_a_program_is_looked_up_in_the_path_of_its_own_environment(
    processes: Processes, tmp_path: Path
) -> None:
    program = tmp_path / "greet"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    await processes.start(Run("web", ("greet",), env={"PATH": str(tmp_path)}))
    assert await words(processes) == ["hello"]
    await processes.start(Run("db", ("./greet",), env=ENV, cwd=str(tmp_path)))
    assert await words(processes, "db") == ["hello"]


async def test_a_process_runs_as_the_user_it_is_given(processes: Processes) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    nobody = pwd.getpwnam("nobody")
    script = "id -u; id -g; id -G; echo again > /dev/stderr"
    for number, user in enumerate(["nobody", str(nobody.pw_uid), f"nobody:{nobody.pw_gid}", "nobody:games"]):
        await processes.start(Run(f"s{number}", ("sh", "-c", script), env=ENV, user=user))
        lines = await words(processes, f"s{number}")
        assert lines[0] == str(nobody.pw_uid)
        assert "again" in lines
        assert (lines[1] == str(nobody.pw_gid)) == (user != "nobody:games")
        assert "0" not in lines


async def test_very_much_of_everything_is_taken_or_refused_by_the_kernel_only(processes: Processes) -> None:
    await processes.start(
        Run("web", ("sh", "-c", "echo ${#A}; echo $#", "x", *["y"] * 10_000), env=ENV | {"A": "z" * 100_000})
    )
    assert await words(processes) == ["100000", "10000"]
    with pytest.raises(Failed, match="Argument list too long"):
        await processes.start(Run("db", ("echo", "x" * 200_000), env=ENV))


async def test_more_than_the_keeper_takes_is_refused_and_cuts_nobody_off(processes: Processes) -> None:
    waiting = asyncio.create_task(processes.start(Run("web", SLEEP, env=ENV)))
    with pytest.raises(Invalid, match=r"its command and environment have 9000\d{3} bytes"):
        await processes.start(Run("db", ("true",), env={"A": "x" * 9_000_000}))
    assert (await waiting).state is ProcessState.RUNNING


async def test_the_state_that_is_kept_holds_what_a_restarted_node_asks_for(
    processes: Processes, folder: Path
) -> None:
    labels = {"node": "n1", "spec": "sha256:…", "json": json.dumps({"a": ["b"] * 1000})}
    await processes.start(Run("shop/web", SLEEP, env=ENV, care=Care(labels)))
    other = driver(folder)
    await other.open()
    assert other.processes()["shop/web"].care.labels == labels
    await other.close()


async def test_nothing_is_left_of_what_is_forgotten_with_its_logs(processes: Processes, folder: Path) -> None:
    await processes.start(Run("shop/web", ("echo", "hello"), env=ENV))
    await words(processes, "shop/web")
    assert [path for path in folder.rglob("*") if "web" in str(path)]
    await processes.forget("shop/web", logs=True)
    assert not [path for path in folder.rglob("*") if "web" in str(path)]


@pytest.mark.parametrize("home", [b"", b"\0" * 16, b"garbage"])
async def test_a_torn_name_of_the_folder_is_made_anew(folder: Path, home: bytes) -> None:
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "home").write_bytes(home)
    processes = driver(folder)
    await processes.start(Run("web", SLEEP, env=ENV))
    assert len((folder / "state" / "home").read_text()) == 16
    assert len(living(folder)) == 1
    await processes.shutdown()
