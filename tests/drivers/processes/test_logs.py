"""No line is lost: not to rotation, not to a killed keeper, not to a slow reader; and none is made up."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.drivers.processes import Processes
from reconciler.drivers.processes.keeper.log import Log
from reconciler.drivers.processes.logs import read_log
from reconciler.ports.log_line import LogLine
from reconciler.ports.processes import Care, ProcessState, Run
from tests.drivers.processes.rigs import PATIENCE_S, until

ENV = {"PATH": os.environ["PATH"]}


async def texts(folder: Path, *, tail: int | None = None, since: datetime | None = None) -> list[str]:
    return [line.text async for line in read_log(folder, tail=tail, follow=False, since=since)]


async def followed(processes: Processes, last: str) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        async for line in processes.logs("web", follow=True):
            found.append(line.text)
            if line.text == last:
                break
    return found


# -------------------------------------------------------------------------------------- the files


def written(folder: Path, *files: str) -> None:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(files, 1):
        lines = "".join(f"2026-01-01T00:00:00Z stdout F {word}\n" for word in text.split())
        (folder / f"{number:08}.log").write_text(lines)


async def test_who_does_not_follow_comes_to_an_end_however_much_is_written_meanwhile(tmp_path: Path) -> None:
    written(tmp_path / "web", "a b", "c")
    newest = tmp_path / "web" / "00000002.log"
    found = []
    async for line in read_log(tmp_path / "web", tail=None, follow=False, since=None):
        found.append(line.text)
        assert len(found) < 10
        newest.write_text(newest.read_text() * 2)
    assert "".join(found).startswith("abc")


@pytest.mark.parametrize("tail", [None, 4])
async def test_a_file_that_is_rotated_away_just_now_ends_no_reading(tmp_path: Path, tail: int | None) -> None:
    written(tmp_path / "web", "a", "b", "c")
    gone = tmp_path / "web" / "00000002.log"
    gone.unlink()
    gone.symlink_to("nowhere")  # it is listed, and is not there
    assert (await texts(tmp_path / "web", tail=tail))[-1] == "c"
    (tmp_path / "web" / "00000003.log").unlink()
    (tmp_path / "web" / "00000003.log").symlink_to("nowhere")
    await texts(tmp_path / "web", tail=tail)


async def test_a_log_that_was_erased_and_begun_anew_is_followed_on(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    written(folder, "a", "b", "c")
    found = []
    async with asyncio.timeout(60):
        async for line in read_log(folder, tail=None, follow=True, since=None):
            found.append(line.text)
            if line.text == "c":
                for file in folder.iterdir():
                    file.unlink()
                written(folder, "d")
            if line.text == "d":
                break
    assert found == ["a", "b", "c", "d"]


async def test_a_strangers_files_in_a_log_folder_stay_and_harm_nobody(
    processes: Processes, tmp_path: Path
) -> None:
    await processes.start(Run("web", ("sh", "-c", "echo 1; exec sleep 3600"), env=ENV))
    assert await followed(processes, "1") == ["1"]
    folder = tmp_path / "node" / "logs" / "web"
    (folder / "00000001 (copy).log").write_text("mine")
    (folder / "1.log").write_text("mine")
    await processes.stop("web", signal.SIGKILL, 0)
    await processes.start(Run("web", ("sh", "-c", "echo 2; exec sleep 3600"), env=ENV))
    assert await followed(processes, "2") == ["1", "2"]
    await processes.stop("web", signal.SIGKILL, 0)
    keeper = processes._link
    await processes.forget("web", logs=True)
    assert processes._link is keeper, "the keeper lives on"
    assert sorted(path.name for path in folder.iterdir()) == ["00000001 (copy).log", "1.log"]


async def test_files_are_of_bounded_size_and_number_and_hold_the_newest_lines(tmp_path: Path) -> None:
    log = Log(tmp_path / "web")
    log.limit(4096, 3)
    for number in range(1000):
        log.write("stdout", b"line %d\n" % number)
    log.close()
    files = sorted((tmp_path / "web").iterdir())
    assert len(files) == 3
    assert all(file.stat().st_size <= 4096 + 100 for file in files)
    kept = await texts(tmp_path / "web")
    assert kept == [f"line {number}" for number in range(1000 - len(kept), 1000)]
    assert len(kept) > 100


async def test_one_chunk_that_fills_many_files_is_split_between_lines(tmp_path: Path) -> None:
    log = Log(tmp_path / "web")
    log.limit(4096, 1000)
    log.write("stdout", b"".join(b"line %d\n" % number for number in range(5000)))
    log.close()
    assert await texts(tmp_path / "web") == [f"line {number}" for number in range(5000)]
    assert all(file.stat().st_size <= 4096 + 100 for file in (tmp_path / "web").iterdir())


async def test_a_new_log_goes_on_where_the_old_one_was_torn(tmp_path: Path) -> None:
    for word in (b"first", b"second"):
        log = Log(tmp_path / "web")
        log.write("stdout", word + b"\n")
        log.close()
        with (tmp_path / "web" / "00000001.log").open("ab") as file:
            file.write(b"2026-01-01T00:00:00.0")  # a keeper was killed while it wrote
    assert await texts(tmp_path / "web") == ["first", "second"]


async def test_a_full_disk_costs_lines_which_are_counted_and_nothing_else(tmp_path: Path) -> None:
    log = Log(tmp_path / "web")
    log.write("stdout", b"before\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        for _ in range(5):
            log.write("stdout", b"x" * 99 + b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    log.write("stdout", b"after\n")
    log.close()
    found = await texts(tmp_path / "web")
    assert (found[0], found[-1]) == ("before", "after")
    assert "[holdfast] 500 bytes of output are lost here: they could not be written" in found


chunks = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=40)), min_size=1, max_size=40
)


@given(chunks=chunks, max_bytes=st.integers(100, 2000), tail=st.integers(0, 12))
@settings(max_examples=150, deadline=None)
def test_what_is_written_in_any_pieces_is_read_line_by_line(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[str, bytes]], max_bytes: int, tail: int
) -> None:
    folder = tmp_path_factory.mktemp("log") / "web"
    log = Log(folder)
    log.limit(max_bytes, 1000)
    for stream, chunk in chunks:
        log.write(stream, chunk)
    for stream in ("stdout", "stderr"):
        log.finish(stream)
    log.close()

    async def read(tail: int | None) -> list[LogLine]:
        return [line async for line in read_log(folder, tail=tail, follow=False, since=None)]

    lines = asyncio.run(read(None))
    for stream in ("stdout", "stderr"):
        written = b"".join(chunk for name, chunk in chunks if name == stream)
        wanted = written.decode("utf-8", "replace").removesuffix("\n").split("\n") if written else []
        assert [line.text for line in lines if line.stream == stream] == wanted
    assert asyncio.run(read(tail)) == lines[len(lines) - min(tail, len(lines)) :]


async def test_lines_since_a_moment_are_those_that_came_later(tmp_path: Path) -> None:
    log = Log(tmp_path / "web")
    log.write("stdout", b"before\n")
    moment = datetime.now(UTC)
    log.write("stdout", b"after\n")
    log.close()
    assert await texts(tmp_path / "web", since=moment) == ["after"]


async def test_garbage_among_the_records_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    folder.mkdir()
    stamp = "2026-01-01T00:00:00.123456789Z"
    (folder / "00000001.log").write_text(
        f"garbage\n9999-99-99T99:99:99Z stdout F late\n\n{stamp} stdout F good\n{stamp} sideways F bad\n\0\n"
    )
    (folder / "notes.txt").write_text("not a log")
    assert await texts(folder) == ["good"]


async def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    log = Log(tmp_path / "web")
    for _ in range(40):
        log.write("stdout", b"x" * 65536)
    log.close()
    lengths = [len(text) for text in await texts(tmp_path / "web")]
    assert sum(lengths) == 40 * 65536
    assert max(lengths) <= (1 << 20) + 65536


# -------------------------------------------------------------------------------- through the keeper


async def test_a_reader_that_follows_loses_no_line_to_rotation(processes: Processes) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exec sleep 3600"
    await processes.start(
        Run("web", ("sh", "-c", script), env=ENV, care=Care(log_bytes=20_000, log_files=1000))
    )
    found = await followed(processes, "line 19999")
    assert found == [f"line {number}" for number in range(20000)]


async def test_no_line_is_lost_and_no_program_dies_when_keepers_are_killed(processes: Processes) -> None:
    script = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); sleep 0.005; done; exec sleep 3600"
    process = await processes.start(Run("web", ("sh", "-c", script), env=ENV))
    following = asyncio.create_task(followed(processes, "line 399"))
    for _ in range(5):
        link = processes._link
        assert link is not None
        os.kill(link.keeper_pid, signal.SIGKILL)
        await link.ended.wait()
        await processes.fresh()
        await asyncio.sleep(0.1)
    found = await following
    assert processes.processes()["web"].pid == process.pid
    numbers = [int(line.removeprefix("line ")) for line in found]
    gaps = [later for earlier, later in pairwise([-1, *numbers]) if later != earlier + 1]
    assert len(gaps) <= 5, "of each keeper at most what it had just read and not written yet"
    assert numbers == sorted(set(numbers)), "and nothing twice"


async def test_the_end_is_told_after_the_last_line_is_written(processes: Processes, tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; printf 'no end'"
    for _ in range(5):
        await processes.start(Run("web", ("sh", "-c", script), env=ENV))
        await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)
        found = [line.text async for line in processes.logs("web")]
        assert found[-2:] == ["line 2999", "no end"]
        await processes.forget("web", logs=True)


async def test_a_prompt_without_an_end_is_read_and_ended_with_its_process(processes: Processes) -> None:
    await processes.start(Run("web", ("sh", "-c", "printf 'password: '; exec sleep 3600"), env=ENV))
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while not found:
            found = [line.text async for line in processes.logs("web")]
    assert found == ["password: "]
    await processes.stop("web", signal.SIGTERM, 5)
    await processes.start(Run("web", ("echo", "hello"), env=ENV))
    await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)
    assert [line.text async for line in processes.logs("web")] == ["password: ", "hello"]


async def test_one_that_prints_without_end_keeps_nobody_waiting(processes: Processes) -> None:
    for number in range(4):
        await processes.start(
            Run(f"noise-{number}", ("yes",), env=ENV, care=Care(log_bytes=100_000, log_files=2))
        )
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(20):
            await processes.start(Run("web", ("true",), env=ENV))
            await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)


async def test_a_program_may_open_its_own_output_again(processes: Processes) -> None:
    script = "echo one > /dev/stdout; echo two > /proc/self/fd/2"
    await processes.start(Run("web", ("sh", "-c", script), env=ENV))
    await until(processes, lambda all_: all_["web"].state is ProcessState.EXITED)
    assert {(line.stream, line.text) async for line in processes.logs("web")} == {
        ("stdout", "one"),
        ("stderr", "two"),
    }
