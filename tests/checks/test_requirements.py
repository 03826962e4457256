"""The check of the requirements: a row without a test is named, and so is a test of no row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    return tmp_path


def check(project: Path, rows: str, test: str) -> tuple[int, str]:
    (project / "docs" / "reference" / "requirements.md").write_text(rows)
    (project / "tests" / "test_it.py").write_text(f"import pytest\n{test}\n")
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "checks" / "requirements.py"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "test",
    [
        "@pytest.mark.req('CORE-01')\ndef test_it(): ...",
        "@pytest.mark.req('EVT-02', 'CORE-01')\nasync def test_it(): ...",
        "pytestmark = [pytest.mark.timed, pytest.mark.req('CORE-01')]",
        "@pytest.mark.req('CORE-01')\nclass TestIt: ...",
        "CASES = [pytest.param(1, marks=pytest.mark.req('CORE-01'))]",
    ],
)
def test_a_mark_in_any_form_proves_its_row(project: Path, test: str) -> None:
    code, said = check(project, "- CORE-01: it works\n- EVT-02: it is said", test)

    assert "CORE-01 is" not in said
    assert code == (0 if "EVT-02" in test else 1)


def test_a_row_without_a_test_is_named(project: Path) -> None:
    code, said = check(project, "- CORE-01: it works", "def test_it(): ...")

    assert code == 1
    assert "CORE-01 is proven by no test" in said


def test_an_id_without_a_row_is_named_with_its_test(project: Path) -> None:
    code, said = check(project, "", "@pytest.mark.req('CORE-99')\ndef test_it(): ...")

    assert code == 1
    assert "tests/test_it.py:3: test_it: CORE-99 is no row" in said


def test_a_row_that_stands_twice_is_named(project: Path) -> None:
    code, said = check(
        project, "- CORE-01: a\n- CORE-01: b", "@pytest.mark.req('CORE-01')\ndef test_it(): ..."
    )

    assert code == 1
    assert "CORE-01 stands there twice" in said
