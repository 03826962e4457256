"""A copy of the tree in which one thing is spoilt, and a place to run what should notice.

Rules: the text to replace stands in its file exactly once, so that an edit whose target has moved is
noticed; what runs in the copy sees the copy alone, and is not measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("reconciler", "tests")
PATIENCE_S = 280


@dataclass(frozen=True, slots=True)
class Edit:
    """What is spoilt: a file of `reconciler`, and one text in it."""

    file: str
    old: str
    new: str

    def make(self, tree: Path) -> None:
        path = tree / "reconciler" / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.file} holds {text.count(self.old)} times: {self.old}"
        path.write_text(text.replace(self.old, self.new))


def copy(folder: Path) -> Path:
    """With the compiled files: they are valid as long as a source keeps its time."""
    being_compiled = shutil.ignore_patterns("*.pyc.*")  # by another test, and renamed at any moment
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=being_compiled)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A module of the copy, in a process of its own; strictly, so that properties try the same each time."""
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=tree,
        env={**unmeasured, "HOLDFAST_TEST_STRICT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
