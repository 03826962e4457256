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
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
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
    ("room", "planted"),
    [
        ("engine", "import reconciler.runtime"),
        ("engine", "import reconciler.store"),
        ("engine", "import api"),
        ("sources", "import reconciler.drivers"),
        ("store", "import reconciler.cli"),
        ("kinds/key", "import reconciler.kinds.secret"),
        ("kinds/key", "import litestar"),
        ("sources", "def lazily() -> None:\n    import pygit2.enums"),
        ("sources", "import kopf"),
        ("drivers", "import docker"),
        ("drivers", "from libtorrent import session"),
    ],
)
def test_an_import_against_the_layers_is_caught(house: Path, room: str, planted: str) -> None:
    (house / "reconciler" / room / "spare.py").write_text(planted)

    assert "spare" in broken_contracts(house)


@pytest.mark.parametrize(
    ("low", "planted"),
    [
        ("ports/clock", "import reconciler.engine"),
        ("model", "import reconciler.ports"),
        ("errors", "import api"),
    ],
)
def test_an_import_upwards_is_caught(house: Path, low: str, planted: str) -> None:
    with (house / "reconciler" / f"{low}.py").open("a") as module:
        module.write(f"\n{planted}\n")

    assert f"reconciler.{low.replace('/', '.')} -> " in broken_contracts(house)


@pytest.mark.parametrize(
    ("room", "planted"),
    [
        ("runtime/parts.py", "from reconciler.runtime.node import Node"),
        ("runtime/daemon.py", "if TYPE_CHECKING:\n    from reconciler.runtime.desk import Desk"),
        ("store/rows.py", "def late() -> None:\n    import reconciler.store.opening"),
        ("sources/listing.py", "import reconciler.sources.git.feed"),
        ("ports/kind.py", "import reconciler.ports.kinds"),
    ],
)
def test_a_circle_is_caught(house: Path, room: str, planted: str) -> None:
    with (house / "reconciler" / room).open("a") as module:
        module.write(f"\n{planted}\n")

    assert "No cycles are allowed" in broken_contracts(house)


def test_a_room_that_the_plan_does_not_know_is_caught(house: Path) -> None:
    (house / "reconciler" / "spare.py").touch()

    assert "reconciler.spare" in broken_contracts(house)


def test_the_house_as_it_stands_keeps_its_layers(house: Path) -> None:
    assert broken_contracts(house) == ""
