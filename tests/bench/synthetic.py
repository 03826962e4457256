"""The engine and the command line alone: resources with nothing behind them, against `terraform_data`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.bench.holdfast import HOLDFAST, PLUGINS, null
from tests.bench.neighbours import Missing, terraform
from tests.bench.row import Row, Timed, beside, in_turn, timed

SMALL, LARGE = 1_000, 10_000
CREATE, NOTHING, CHANGE = (
    "create 1,000, no node running",
    "no-op at 1,000, no node running",
    "change one of 1,000",
)


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="hfb") as scratch:
        ours = _Ours(Path(scratch, "ours"), SMALL)
        try:
            theirs = _Theirs(Path(scratch, "theirs"), SMALL)
        except Missing as why:
            yield from _alone(ours, f"not measured: {why}")
        else:
            yield from _against(ours, theirs)
        yield from _ten_times(ours, _Ours(Path(scratch, "large"), LARGE))


def _against(ours: _Ours, theirs: _Theirs) -> Iterator[Row]:
    applies, plans = f"{theirs.name} apply", f"{theirs.name} plan"
    made, made_theirs = in_turn(ours.make, theirs.make)
    yield beside(CREATE, made.seconds, "s", (applies, made_theirs.seconds), 0.1)
    idle, idle_theirs = in_turn(ours.nothing, theirs.nothing)
    yield beside(NOTHING, idle.seconds, "s", (plans, idle_theirs.seconds), 0.3)
    yield beside("memory of it", idle.mebibytes, "MiB", (plans, idle_theirs.mebibytes), 0.7)
    changed, changed_theirs = in_turn(ours.change, theirs.change)
    yield Row(
        CHANGE,
        round(changed.seconds, 3),
        "s",
        f"{applies}: {changed_theirs.seconds:.3g} s",
        round(changed.seconds / changed_theirs.seconds, 4),
    )


def _alone(ours: _Ours, why: str) -> Iterator[Row]:
    for title, run in ((CREATE, ours.make), (NOTHING, ours.nothing), (CHANGE, ours.change)):
        (one,) = in_turn(run)
        yield Row(title, round(one.seconds, 3), "s", why)


def _ten_times(small: _Ours, large: _Ours) -> Iterator[Row]:
    (made,) = in_turn(large.make)
    yield Row("create 10,000, no node running", round(made.seconds, 2), "s")
    one, ten = in_turn(small.nothing, large.nothing)
    yield beside("no-op at 10,000", ten.seconds, "s", ("our own at 1,000", one.seconds), 12)
    (changed,) = in_turn(large.change)
    yield Row("change one of 10,000", round(changed.seconds, 3), "s")


class _Ours:
    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir()
        self._data, self._file, self._size = folder / "data", folder / "all.yaml", size
        self._turns = count()
        self._write("value")

    def _write(self, first: str) -> None:
        values = [first, *(f"value-{n}" for n in range(1, self._size))]
        self._file.write_text("---\n".join(null(n, value) for n, value in enumerate(values)))

    def make(self) -> Timed:
        shutil.rmtree(self._data, ignore_errors=True)
        return self._apply()

    def nothing(self) -> Timed:
        return timed([HOLDFAST, "diff", "-f", str(self._file), "--data", str(self._data)], environ=PLUGINS)

    def change(self) -> Timed:
        self._write(f"turn-{next(self._turns)}")
        return self._apply()

    def _apply(self) -> Timed:
        return timed(
            [HOLDFAST, "apply", "-f", str(self._file), "--data", str(self._data), "--yes"], environ=PLUGINS
        )


class _Theirs:
    """As it comes: default parallelism, refresh on, state in a local file."""

    def __init__(self, folder: Path, size: int) -> None:
        self._program = terraform()
        self.name = Path(self._program).name
        folder.mkdir()
        self._folder, self._size, self._turns = folder, size, count()
        self._write("value")
        subprocess.run([self._program, "init"], cwd=folder, check=True, capture_output=True)

    def _write(self, first: str) -> None:
        values = [first, *(f"value-{n}" for n in range(1, self._size))]
        (self._folder / "main.tf").write_text(
            "".join(
                f'resource "terraform_data" "r{n}" {{\n  input = "{value}"\n}}\n'
                for n, value in enumerate(values)
            )
        )

    def make(self) -> Timed:
        for state in self._folder.glob("terraform.tfstate*"):
            state.unlink()
        return self._apply()

    def nothing(self) -> Timed:
        return timed([self._program, "plan", "-no-color"], self._folder)

    def change(self) -> Timed:
        self._write(f"turn-{next(self._turns)}")
        return self._apply()

    def _apply(self) -> Timed:
        return timed([self._program, "apply", "-auto-approve", "-no-color"], self._folder)
