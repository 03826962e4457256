"""A kind is imported when a command meets it; one that cannot be hinders nothing that does not need it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "plugins"
NULL = 'apiVersion: example.com/v1\nkind: "Null"\nmetadata: {name: one}\nspec: {input: x}\n'
KEY = "apiVersion: holdfast.dev/v1\nkind: Key\nmetadata: {name: one}\nspec: {role: creator, generate: true}\n"
IMPORTED = """
import sys
from reconciler.cli.top import run
status = run(sys.argv[1:])
print(status, *sorted(sys.modules), file=sys.stderr)
"""


def run(arguments: Sequence[str], path: Path = SAMPLES) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        env=os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{Path.cwd()}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A plug-in whose module is not there."""
    found = tmp_path / "plugins" / "lost-1.0.dist-info"
    found.mkdir(parents=True)
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: lost\nVersion: 1.0\n")
    (found / "entry_points.txt").write_text("[holdfast.kinds]\nLost.example.com = lost.kinds:Lost\n")
    return found.parent


SOURCE = """
---
apiVersion: holdfast.dev/v1
kind: Source
metadata: {name: more}
spec: {directory: {path: /nowhere}}
"""


@pytest.mark.req("CLI-08")
def test_a_command_imports_the_kinds_and_drivers_that_it_meets(tmp_path: Path) -> None:
    manifest, data = tmp_path / "null.yaml", str(tmp_path / "data")
    manifest.write_text(NULL)
    assert run(["apply", "-f", str(manifest), "--data", data, "--yes"]).stderr.splitlines()[-1][0] == "0"

    told = run(["diff", "-f", str(manifest), "--data", data])

    assert told.stdout.endswith("Plan: 0 to add, 0 to change, 0 to remove, 1 unchanged.\n")
    status, *modules = told.stderr.split()
    assert status == "0"
    rooms = ("reconciler.kinds.", "reconciler.drivers.", "reconciler.sources.git", "holdfast_samples.")
    assert [name for name in modules if name.startswith(rooms)] == ["holdfast_samples.null"]
    assert not {"cryptography", "pyrage", "watchdog", "http.client", "rich", "litestar"} & set(modules)
    assert not {"importlib.metadata", "email"} & set(modules), "the plug-ins are found without"


@pytest.mark.req("CLI-02")
def test_a_comparison_knows_the_sources_when_it_meets_one(tmp_path: Path) -> None:
    """Else its own are left out: what they are is of no interest to it."""
    manifest, data = tmp_path / "all.yaml", str(tmp_path / "data")
    manifest.write_text(NULL + SOURCE)
    run(["apply", "-f", str(manifest), "--data", data, "--yes"])
    told = run(["diff", "-f", str(manifest), "--data", data])
    assert told.stdout.startswith("~ source/more\n    source/inbox, which declares it, is not followed yet\n")

    manifest.write_text(NULL)
    told = run(["diff", "-f", str(manifest), "--data", data, "--prune"])
    assert "source/more" in told.stdout, told.stdout
    assert told.stdout.endswith("Plan: 0 to add, 0 to change, 1 to remove, 1 unchanged.\n")

    manifest.write_text(NULL + SOURCE.replace("more", "inbox"))
    told = run(["diff", "-f", str(manifest), "--data", data])
    assert "source/inbox is declared differently" in told.stderr, told.stderr


def test_a_broken_plug_in_hinders_nothing_that_does_not_need_it(tmp_path: Path, broken: Path) -> None:
    manifest = tmp_path / "key.yaml"
    manifest.write_text(KEY)

    told = run(["diff", "-f", str(manifest), "--data", str(tmp_path / "data")], broken)

    assert told.stderr.split()[0] == "1", told.stderr
    assert told.stdout.endswith("Plan: 1 to add, 0 to change, 0 to remove, 0 unchanged.\n")


@pytest.mark.parametrize("words", [["get"], ["get", "key"]])
def test_nor_does_it_hinder_a_list(tmp_path: Path, broken: Path, words: Sequence[str]) -> None:
    manifest, data = tmp_path / "key.yaml", str(tmp_path / "data")
    manifest.write_text(KEY)
    run(["apply", "-f", str(manifest), "--data", data, "--yes"])

    told = run([*words, "--data", data], broken)

    assert told.stderr.splitlines()[-1].split()[0] == "0", told.stderr
    assert "one" in told.stdout


def test_what_needs_a_broken_plug_in_says_why_it_is_broken(tmp_path: Path, broken: Path) -> None:
    manifest = tmp_path / "lost.yaml"
    manifest.write_text("apiVersion: example.com/v1\nkind: Lost\nmetadata: {name: one}\nspec: {}\n")

    told = run(["validate", "-f", str(manifest)], broken)

    assert "the kind 'Lost' could not be loaded: ModuleNotFoundError: No module named 'lost'" in told.stdout
    assert f"{manifest}:2:1: kind" in told.stdout
