"""The generated files: made from the code, valid as what they are, and a stale one is noticed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checks.generate import FOLDERS, generated

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the generator reads and writes, freshly generated."""
    for part in ("reconciler", "api", "tests/checks"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    assert run(tmp_path).returncode == 0
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.checks.generate", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_just_generated_is_fresh(checkout: Path) -> None:
    assert run(checkout, "--check").returncode == 0


def test_every_kind_has_a_schema_and_a_page() -> None:
    folders = {path.name for path in (ROOT / "reconciler/kinds").iterdir() if (path / "__init__.py").exists()}
    names = {path.stem for path in generated() if path.parent == FOLDERS[1]}

    assert folders <= names


@pytest.mark.parametrize("change", ["edited", "missing", "left over"])
def test_a_file_that_is_not_as_generated_is_named(checkout: Path, change: str) -> None:
    schema = checkout / "schemas" / "key.json"
    match change:
        case "edited":
            schema.write_text(schema.read_text().replace("generate", "degenerate"))
        case "missing":
            schema.unlink()
        case "left over":
            schema = schema.with_name("gone.json")
            schema.touch()

    done = run(checkout, "--check")

    assert done.returncode == 1
    assert f"schemas/{schema.name}" in done.stdout


def test_a_new_field_makes_the_generated_files_stale(checkout: Path) -> None:
    model = checkout / "reconciler" / "model.py"
    model.write_text(model.read_text().replace("suspend: bool", "suspended: bool"))

    assert "schemas/key.json" in run(checkout, "--check").stdout
