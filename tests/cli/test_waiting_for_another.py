"""Two commands on one folder where no node runs: the second waits for the first, for as long as it may."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.terminal import HOLDFAST, INTERRUPT, on_a_terminal
from tests.node.running import key, until

pytestmark = [pytest.mark.timeout(180), pytest.mark.req("CLI-01", "CORE-30")]

HOLDING = """
import sys
from pathlib import Path
from reconciler.runtime.lock import Lock
Lock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def words(tmp_path: Path, data: Path) -> tuple[str, ...]:
    (tmp_path / "key.yaml").write_text(key("a"))
    return ("apply", "-f", str(tmp_path / "key.yaml"), "--data", str(data), "--yes")


@contextmanager
def holding(data: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the folder, until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HOLDFAST, *words], capture_output=True, text=True, timeout=60, check=False)


def test_who_comes_second_waits_and_says_for_whom(data: Path, words: tuple[str, ...]) -> None:
    with holding(data) as holder:
        second = subprocess.Popen(
            [HOLDFAST, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert second.stderr.readline() == f"waiting for process {holder.pid}, which works on {data}\n"
        assert second.poll() is None
        assert holder.stdin is not None
        holder.stdin.close()
        plan, rest = second.communicate(timeout=60)
    assert (second.returncode, rest) == (0, "1 of 1 are ready.\n")
    assert plan.endswith("Plan: 1 to add, 0 to change, 0 to remove, 0 unchanged.\n")


@pytest.mark.parametrize(
    "timeout",
    [("apply", "--timeout", "500ms"), ("apply", "--timeout", "0s"), ("--timeout", "500ms", "delete")],
)
def test_who_waits_too_long_is_refused_and_changes_nothing(
    data: Path, words: tuple[str, ...], timeout: tuple[str, ...]
) -> None:
    verb = words[1:] if "apply" in timeout else ("key/a", "--data", str(data), "--yes")
    with holding(data) as holder:
        told = run(*timeout, *verb)
    *waited, error, remedy = told.stderr.splitlines()
    assert told.returncode == 6
    assert waited == [f"waiting for process {holder.pid}, which works on {data}"] * ("500ms" in timeout)
    assert error == f"error (Conflict): {data} is in use by process {holder.pid}"
    assert remedy.startswith("  remedy: wait longer with --timeout, talk to that node, ")
    assert {path.name for path in data.iterdir()} == {"lock"}


def test_who_only_looks_waits_for_nobody(data: Path, words: tuple[str, ...]) -> None:
    with holding(data):
        told = run(*words, "--dry-run")
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.needs("setsid")
def test_to_wait_can_be_interrupted(data: Path, words: tuple[str, ...]) -> None:
    with holding(data) as holder, on_a_terminal(*words) as terminal:
        until(lambda: f"waiting for process {holder.pid}" in terminal.text, "it waits")
        terminal.press(INTERRUPT)
        assert terminal.process.wait(60) == 130
        assert "Traceback" not in terminal.text


def test_who_is_waited_for_is_told_anew_when_another_comes_first(data: Path, words: tuple[str, ...]) -> None:
    """And a holder that has not yet said who it is."""
    with holding(data) as first:
        os.truncate(data / "lock", 0)
        second = subprocess.Popen(
            [HOLDFAST, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert second.stderr.readline() == f"waiting for another process, which works on {data}\n"
        (data / "lock").write_text(f"{first.pid}\n")
        assert second.stderr.readline() == f"waiting for process {first.pid}, which works on {data}\n"
    assert second.communicate(timeout=60)[1] == "1 of 1 are ready.\n"
    assert second.returncode == 0
