"""The engine and the command line alone: resources with nothing behind them, against `terraform_data`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.holdfast import HOLDFAST, PLUGINS, null
from tests.bench.row import Row, Timed, beside, in_turn, timed

SMALL, LARGE = 1_000, 10_000


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="hfb") as scratch:
        ours = _Ours(Path(scratch, "ours"), SMALL)
        theirs = _Theirs(Path(scratch, "theirs"), SMALL) if shutil.which("terraform") else None
        made = ours.make()
        changed, changed_theirs = None, None
        if theirs is None:
            small, _ = *in_turn(ours.nothing), None
            yield Row("create 1,000, no node running", round(made.seconds, 3), "s")
            yield Row("no-op at 1,000, no node running", round(small.seconds, 3), "s")
        else:
            made_theirs = theirs.make()
            yield beside(
                "create 1,000, no node running",
                made.seconds,
                "s",
                ("terraform apply", made_theirs.seconds),
                0.1,
            )
            small, small_theirs = in_turn(ours.nothing, theirs.nothing)
            yield beside(
                "no-op at 1,000, no node running",
                small.seconds,
                "s",
                ("terraform plan", small_theirs.seconds),
                0.3,
            )
            yield beside(
                "memory of it", small.mebibytes, "MiB", ("terraform plan", small_theirs.mebibytes), 0.7
            )
            changed, changed_theirs = ours.change(), theirs.change()
            yield Row(
                "change one of 1,000",
                round(changed.seconds, 3),
                "s",
                f"terraform apply: {changed_theirs.seconds:.3g} s",
                round(changed.seconds / changed_theirs.seconds, 4),
            )
        large = _Ours(Path(scratch, "large"), LARGE)
        yield Row("create 10,000, no node running", round(large.make().seconds, 2), "s")
        (ten,) = in_turn(large.nothing)
        yield beside("no-op at 10,000", ten.seconds, "s", ("our own at 1,000", small.seconds), 12)


class _Ours:
    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir()
        self._data, self._file, self._count = folder / "data", folder / "all.yaml", count
        self._write("value")

    def _write(self, first: str) -> None:
        values = [first, *(f"value-{n}" for n in range(1, self._count))]
        self._file.write_text("---\n".join(null(n, value) for n, value in enumerate(values)))

    def make(self) -> Timed:
        return timed(
            [HOLDFAST, "apply", "-f", str(self._file), "--data", str(self._data), "--yes"], environ=PLUGINS
        )

    def nothing(self) -> Timed:
        return timed([HOLDFAST, "diff", "-f", str(self._file), "--data", str(self._data)], environ=PLUGINS)

    def change(self) -> Timed:
        self._write("another")
        return self.make()


class _Theirs:
    """As it comes: default parallelism, refresh on, state in a local file."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir()
        self._folder, self._count = folder, count
        self._write("value")
        subprocess.run(["terraform", "init"], cwd=folder, check=True, capture_output=True)

    def _write(self, first: str) -> None:
        values = [first, *(f"value-{n}" for n in range(1, self._count))]
        (self._folder / "main.tf").write_text(
            "".join(
                f'resource "terraform_data" "r{n}" {{\n  input = "{value}"\n}}\n'
                for n, value in enumerate(values)
            )
        )

    def make(self) -> Timed:
        return timed(["terraform", "apply", "-auto-approve", "-no-color"], self._folder)

    def nothing(self) -> Timed:
        return timed(["terraform", "plan", "-no-color"], self._folder)

    def change(self) -> Timed:
        self._write("another")
        return self.make()
