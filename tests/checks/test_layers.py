"""The import layers hold, and an import against them is caught: a contract never broken may check nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the code that may be spoilt."""
    for package in ("reconciler", "api"):
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def broken_contracts(house: Path) -> str:
    """What import-linter says; empty where all contracts are kept."""
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=house, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("reconciler/engine/diff.py", "import reconciler.runtime"),
        ("reconciler/engine/diff.py", "import reconciler.store"),
        ("reconciler/ports.py", "import reconciler.engine.diff"),
        ("reconciler/model.py", "import reconciler.ports"),
        ("reconciler/kinds/key/__init__.py", "import reconciler.kinds.secret"),
        ("reconciler/engine/queue.py", "import api"),
        ("reconciler/engine/queue.py", "import litestar"),
        ("reconciler/sources/directory.py", "def f() -> None:\n    import pygit2"),
        ("reconciler/drivers/processes.py", "import docker"),
        ("reconciler/spare.py", "'''A room that the plan of the house does not know.'''"),
    ],
)
def test_an_import_against_the_layers_is_caught(house: Path, file: str, planted: str) -> None:
    spoilt = house / file
    code = spoilt.read_text() if spoilt.exists() else ""
    spoilt.write_text(f"{code}\n{planted}\n")

    assert broken_contracts(house)


def test_the_house_as_it_stands_keeps_its_layers(house: Path) -> None:
    assert broken_contracts(house) == ""
