"""`make bench`: everything that has a goal, measured in one run, beside what people would pick instead.

Rules: a goal that was measured and does not hold makes the exit status 1; one that was nearly met is
measured a second time first. One file is one group of rows, found by scanning, and measured in a process of
its own: to the peak memory of a command the kernel counts what whoever started it had. Modules are compiled
once, as wherever they are installed, even if this shell asks for the contrary.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests import bench
from tests.bench.group import measured
from tests.bench.row import Row

NO_GROUPS = frozenset({"asked", "group", "row", "holdfast", "neighbours", "spoken", "__main__"})
OUT = Path("build/bench.json")


def groups(chosen: list[str]) -> Iterator[str]:
    names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__))
    yield from (name for name in names if name not in NO_GROUPS and (not chosen or name in chosen))


def main(chosen: list[str]) -> int:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    found: list[Row] = []
    for name in groups(chosen):
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            rows = alone.submit(measured, name).result()
        for row in rows:
            found.append(row)
            ratio = "" if row.ratio is None else f"{row.ratio:g}"
            holds = {True: "holds", False: "MISSED", None: ""}[row.holds]
            figures = f"{row.value:>10g} {row.unit:<6} {ratio:>8} {row.goal:>12} {holds:<7}"
            print(f"{row.name:<48} {figures} {row.against}", flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([row.to_json() for row in found], indent=1) + "\n")
    missed = [row.name for row in found if row.holds is False]
    print(
        f"{len(found)} rows in {OUT}; " + (f"missed: {', '.join(missed)}" if missed else "every goal holds")
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
