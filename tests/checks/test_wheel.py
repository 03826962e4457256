"""The wheel carries all that the code reads: schema, cases, static pages; and nothing that it does not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(next(out.glob("holdfast-*.whl")))


def test_the_wheel_holds_every_file_of_both_packages_and_no_other(wheel: zipfile.ZipFile) -> None:
    ours = {
        str(path.relative_to(ROOT))
        for package in ("reconciler", "api")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert packed == ours


def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    metadata = {name.split("/", 1)[1]: name for name in wheel.namelist() if ".dist-info/" in name}

    assert "holdfast = reconciler.cli:main" in wheel.read(metadata["entry_points.txt"]).decode()
    assert "Apache License" in wheel.read(metadata["licenses/LICENSE"]).decode()
