"""CI skips nothing: `HOLDFAST_TEST_STRICT=1` turns every skip into a failure that repeats the reason."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SUITE = """
import pytest

@pytest.mark.needs("no-such-program", "sh")
def test_needs_what_is_missing(): ...

@pytest.mark.needs("sh")
def test_needs_what_is_there(): ...

def test_skips_by_itself():
    pytest.skip("no frobnicator")

@pytest.mark.xfail(reason="known", strict=False)
def test_fails_as_expected():
    assert False
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    return tmp_path


def run(project: Path, suite: str, *, strict: bool) -> str:
    (project / "tests" / "test_it.py").write_text(suite)
    done = subprocess.run(
        [sys.executable, "-m", "pytest"],
        cwd=project,
        env={**os.environ, "HOLDFAST_TEST_STRICT": "1" if strict else ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def counts(output: str) -> dict[str, int]:
    """The last line of a run, `1 failed, 2 passed in 0.1s`, as numbers by word."""
    last = output.strip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", last.partition(" in ")[0])}


def test_a_laptop_skips_with_the_reason(project: Path) -> None:
    output = run(project, SUITE, strict=False)

    assert counts(output) == {"passed": 1, "skipped": 2, "xfailed": 1}
    assert "needs no-such-program, not found on this machine" in output


def test_ci_fails_each_skip_with_the_reason(project: Path) -> None:
    output = run(project, SUITE, strict=True)

    assert counts(output) == {"passed": 1, "failed": 1, "error": 1, "xfailed": 1}
    assert "needs no-such-program, not found on this machine" in output
    assert "no frobnicator" in output


def test_ci_fails_a_file_that_skips_itself(project: Path) -> None:
    skipping = 'import pytest\npytest.importorskip("no_such_module")\n'

    assert counts(run(project, skipping, strict=False)) == {"skipped": 1}
    output = run(project, skipping, strict=True)
    assert counts(output) == {"error": 1}
    assert "no_such_module" in output


@pytest.mark.parametrize("wrong", ["", '"core-4"', '"CORE-04, CORE-05"'])
def test_a_requirement_mark_names_requirements(project: Path, wrong: str) -> None:
    suite = f"import pytest\n@pytest.mark.req({wrong})\ndef test_it(): ...\n"

    assert "expected ids such as 'CORE-04'" in run(project, suite, strict=False)


def test_a_misspelt_mark_is_an_error(project: Path) -> None:
    suite = "import pytest\n@pytest.mark.reqs('CORE-04')\ndef test_it(): ...\n"

    assert "'reqs' not found in `markers`" in run(project, suite, strict=False)
