"""The coverage gates: one missed branch of the engine is too much, and so is a tenth of everything."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHOLE: dict[str, list[int]] = {"missing_lines": [], "missing_branches": []}


def judge(folder: Path, files: Mapping[str, object], overall: float) -> tuple[int, str]:
    (folder / "build").mkdir()
    report = {"files": files, "totals": {"percent_covered": overall}}
    (folder / "build" / "coverage.json").write_text(json.dumps(report))
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "checks" / "coverage_gates.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_full_cover_passes(tmp_path: Path) -> None:
    code, _ = judge(tmp_path, {"reconciler/engine/diff.py": WHOLE}, 90.0)

    assert code == 0


@pytest.mark.parametrize("room", ["engine", "kinds/key"])
def test_a_missed_branch_in_a_full_room_is_named(tmp_path: Path, room: str) -> None:
    name = f"reconciler/{room}/some.py"
    code, said = judge(tmp_path, {name: {"missing_lines": [], "missing_branches": [[7, 9]]}}, 99.9)

    assert code == 1
    assert f"{name}:7: never goes on to line 9" in said


def test_a_missed_line_elsewhere_counts_towards_the_whole_only(tmp_path: Path) -> None:
    missed = {"reconciler/cli/up.py": {"missing_lines": [3], "missing_branches": []}}
    code, _ = judge(tmp_path, missed, 90.0)

    assert code == 0


@pytest.mark.req("X-22")
def test_less_than_nine_tenths_of_all_fails(tmp_path: Path) -> None:
    code, said = judge(tmp_path, {}, 89.9)

    assert code == 1
    assert "89.9 %" in said
