"""`apply --wait`: what is under way is shown while it is, and what it came to stays."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.screen import screen
from tests.cli.terminal import HOLDFAST, INTERRUPT, Terminal, on_a_terminal
from tests.node.running import RunningNode, key, running_node, service, until

pytestmark = [pytest.mark.req("CLI-02", "CLI-08"), pytest.mark.needs("setsid")]


@pytest.fixture
def node() -> Iterator[RunningNode]:
    with running_node() as node:
        node.start()
        until(node.answers, "the node answers")
        yield node


class Slow:
    """`db` is healthy once a file is there, and each of the others needs it to be."""

    def __init__(self, folder: Path, others: int = 1) -> None:
        self.healthy = folder / "healthy"
        self.manifest = folder / "slow.yaml"
        marker = uuid4().hex
        health = {"command": ["test", "-e", str(self.healthy)], "interval": "100ms", "startPeriod": "1h"}
        names = ["web", *(f"web{number}" for number in range(1, others))]
        waiting = (service(name, marker, needs={"db": "healthy"}) for name in names)
        self.manifest.write_text("---\n".join([service("db", marker, health=health), *waiting]))

    def words(self, node: RunningNode, *more: str) -> tuple[str, ...]:
        return ("apply", "-f", str(self.manifest), "--data", str(node.data), "--yes", "--wait", *more)


@contextmanager
def applying(
    node: RunningNode,
    slow: Slow,
    *more: str,
    columns: int = 100,
    rows: int = 30,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    words = slow.words(node, *more)
    with on_a_terminal(*words, columns=columns, rows=rows, environ=environ) as terminal:
        until(lambda: "0 of" in terminal.text, "it waits")
        yield terminal


def after_the_plan(terminal: Terminal, columns: int = 100) -> list[str]:
    """What stands below it."""
    lines = iter(screen(terminal.raw, columns))
    next(line for line in lines if line.startswith("Plan: "))
    return [line for line in lines if line]


def test_a_block_tells_of_each_what_it_waits_for_and_leaves_only_the_summary(
    node: RunningNode, tmp_path: Path
) -> None:
    slow = Slow(tmp_path)
    with applying(node, slow) as terminal:
        until(
            lambda: (
                [line.split()[0] for line in after_the_plan(terminal)] == ["0", "service/db", "service/web"]
            ),
            "all are shown, first what others wait for",
        )
        until(
            lambda: "WaitsForDependency: waits for service/db to be healthy" in terminal.text, "it says why"
        )
        until(lambda: "  2s  " in terminal.text, "and how long it is so")
        slow.healthy.touch()
        assert terminal.process.wait(60) == 0
        until(lambda: "2 of 2 are ready." in terminal.text, "there is a summary")
        assert after_the_plan(terminal) == ["2 of 2 are ready."]
        assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l"), "the cursor is shown"


@pytest.mark.parametrize(("columns", "rows"), [(40, 8), (20, 3), (8, 1)])
def test_the_block_fits_a_small_window(node: RunningNode, tmp_path: Path, columns: int, rows: int) -> None:
    slow = Slow(tmp_path, others=12)
    with applying(node, slow, columns=columns, rows=rows) as terminal:
        until(lambda: terminal.raw.count("0 of") > 3, "it was drawn several times")
        frame = terminal.raw.split("0 of")[-2]
        lines = screen("0 of" + frame, columns)
        assert len(lines) <= rows
        assert ("and 8 more" in frame) == (rows == 8)
        slow.healthy.touch()
        assert terminal.process.wait(60) == 0


def test_a_window_that_shrinks_and_grows_is_filled_as_it_is(node: RunningNode, tmp_path: Path) -> None:
    slow = Slow(tmp_path, others=12)
    with applying(node, slow) as terminal:
        until(lambda: "service/web11" in terminal.text, "all are shown")
        terminal.resize(30, 6)
        until(lambda: "and 10 more" in terminal.text, "less is shown of more")
        shrunk = len(terminal.raw)
        until(lambda: terminal.raw.count("and 10 more", shrunk) > 2, "it goes on so")
        drawn = terminal.raw[shrunk:].split("and 10 more")[1]
        assert max(len(line) for line in screen(drawn, 100)) <= 30
        terminal.resize(100, 30)
        grown = len(terminal.raw)
        until(lambda: "service/web11" in terminal.raw[grown:], "all are shown again")
        slow.healthy.touch()
        assert terminal.process.wait(60) == 0


def test_colours_are_for_who_wants_them(node: RunningNode, tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    with applying(node, slow) as terminal:
        until(lambda: "\x1b[33m" in terminal.raw, "there are colours")
        terminal.press(INTERRUPT)
        assert terminal.process.wait(60) == 130
    with applying(node, slow, environ={"NO_COLOR": "1"}) as terminal:
        until(lambda: terminal.raw.count("service/web") > 2, "it is drawn")
        terminal.press(INTERRUPT)
        assert terminal.process.wait(60) == 130
        assert "\x1b[33m" not in terminal.raw


def test_who_interrupts_is_told_that_the_node_goes_on(node: RunningNode, tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    with applying(node, slow) as terminal:
        terminal.press(INTERRUPT)
        assert terminal.process.wait(60) == 130
        until(lambda: "the node goes on with it" in terminal.text, "it is told")
        told = "interrupted: what was applied is recorded, and the node goes on with it"
        assert after_the_plan(terminal) == [told]
        assert "Traceback" not in terminal.text
    slow.healthy.touch()
    until(lambda: node.converged({"service/db", "service/web"}), "it does")


def test_elsewhere_each_change_is_a_line(node: RunningNode, tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    assert node.command("apply", "-f", str(slow.manifest), "--yes").returncode == 0
    until(lambda: node.status("service/web")["reason"] == "WaitsForDependency", "it waits")
    with subprocess.Popen(
        [HOLDFAST, *slow.words(node)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        told = [process.stderr.readline(), process.stderr.readline()]
        slow.healthy.touch()
        told += process.stderr.read().splitlines(keepends=True)
    assert process.returncode == 0
    assert told[1].startswith("service/web: WaitsForDependency: waits for service/db to be healthy")
    assert told[-1] == "2 of 2 are ready.\n"
    assert len(told) == len(set(told)), "nothing is told twice"
    assert not any("\x1b" in line for line in told)


def test_what_fails_is_told_with_its_cause_and_what_comes_late_ends_with_nine(
    node: RunningNode, tmp_path: Path
) -> None:
    slow = Slow(tmp_path)
    late = node.command(*slow.words(node, "--timeout", "1s"))
    assert late.returncode == 9
    assert "because service/db: " in late.stderr
    assert late.stderr.endswith("0 of 2 are ready.\n")


def test_without_a_node_the_work_of_this_process_is_shown(tmp_path: Path) -> None:
    manifest = tmp_path / "keys.yaml"
    manifest.write_text("---\n".join(key(f"k{number}") for number in range(300)))
    words = ("apply", "-f", str(manifest), "--data", str(tmp_path / "data"), "--yes")
    with on_a_terminal(*words) as terminal:
        assert terminal.process.wait(60) == 0
        until(lambda: "300 of 300 are ready." in terminal.text, "all are made")
        assert " of 300 ready" in terminal.text
        assert after_the_plan(terminal) == ["300 of 300 are ready."]


def test_what_is_interrupted_without_a_node_is_completed_by_the_next(tmp_path: Path) -> None:
    manifest, data = tmp_path / "keys.yaml", tmp_path / "data"
    manifest.write_text("---\n".join(key(f"k{number}") for number in range(2000)))
    words = ("apply", "-f", str(manifest), "--data", str(data), "--yes")
    with on_a_terminal(*words) as terminal:
        until(lambda: " of 2000 ready" in terminal.text, "it works")
        terminal.press(INTERRUPT)
        assert terminal.process.wait(60) == 130
        until(lambda: "the next `apply`, or `holdfast up`, goes on with it" in terminal.text, "it is told")
        assert "Traceback" not in terminal.text
    done = subprocess.run([HOLDFAST, *words], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "2000 of 2000 are ready.")
