"""The mistakes of a first day: each is told with its place and what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.shell import HOLDFAST
from tests.node.running import key, service

pytestmark = pytest.mark.req("CLI-01")

MISTAKES = {
    "a slip in a verb": (("gett",), "No such command 'gett'. Did you mean 'get'?"),
    "a document for people": (("up", "README.md"), "README.md is no manifest"),
    "a device": (("up", "/dev/null"), "/dev/null is neither a folder nor a file"),
    "half an address": (("up", "git@nowhere"), "git@nowhere does not exist"),
    "an empty file": (("validate", "-f", "empty.yaml"), "empty.yaml:1:1: there is no manifest in it"),
    "a program that is not beside its manifest": (
        ("apply", "-f", "beside", "--yes"),
        "beside/web.yaml:2:1: 'bin/serve' does not exist beside it",
    ),
    "a folder without `-f`": (("apply", "empty"), "empty is no saved plan"),
    "an unset variable": (("apply", "-f", ""), "an empty name after `-f`"),
    "an unset variable for a folder": (("init", ""), "an empty name for the folder"),
    "a kind and a name": (("describe", "service", "web"), "(web): a kind and a name are one word"),
    "an empty folder": (("apply", "-f", "empty", "--yes"), "empty holds no manifest"),
    "a link to nowhere": (
        ("validate", "-f", "link.yaml"),
        "link.yaml is a link to gone.yaml, which does not",
    ),
}


def run(folder: Path, *words: str, through: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*through, HOLDFAST, *words],
        cwd=folder,
        env=os.environ | {"HOLDFAST_DATA": str(folder / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text("# Read me\n")
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link.yaml").symlink_to("gone.yaml")
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "web.yaml").write_text("# a comment\n" + service("web", "", command=["bin/serve"]))
    return tmp_path


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(folder: Path, mistake: str) -> None:
    words, cause = MISTAKES[mistake]
    told = run(folder, *words)
    assert told.returncode == 2
    said = told.stdout + told.stderr
    assert cause in said
    assert "remedy: " in said or "Did you mean" in said or "as in service/web" in said
    assert not (folder / "data").exists(), "and nothing was begun"


def test_an_unknown_permission_is_told_with_those_that_there_are(folder: Path) -> None:
    told = run(folder, "api-key", "create", "--name", "ci", "--permissions", "reed")
    assert told.returncode == 2
    assert "permissions.0: there is no permission 'reed': did you mean 'read'?" in told.stderr


def test_who_has_no_node_yet_is_told_so(folder: Path) -> None:
    assert run(folder, "get").stderr == f"no node has run on {folder / 'data'} yet\n"


def test_which_kinds_there_are(folder: Path) -> None:
    told = run(folder, "explain").stdout.splitlines()
    assert told[0].split() == ["KIND", "WHAT", "IT", "IS"]
    assert "Service       One supervised process" in told


@pytest.mark.needs("setpriv")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_may_not_be_read_is_told(folder: Path) -> None:
    """By root without the power to read all, as in many containers."""
    (folder / "private.yaml").write_text(key("a"))
    (folder / "private").mkdir(mode=0o700)
    for name in ("private.yaml", "private"):
        os.chown(folder / name, 65534, 65534)
        (folder / name).chmod(0o600 if name.endswith("yaml") else 0o700)
    for words in (("validate", "-f", "private.yaml"), ("validate", "-f", "private"), ("up", "private")):
        told = run(folder, *words, through=["setpriv", "--bounding-set=-dac_override,-dac_read_search"])
        assert told.returncode in {2, 4}
        assert f"{words[-1]}" in told.stderr
        assert "cannot be read: Permission denied" in told.stderr
        assert "user read it" in told.stderr


def test_who_interrupts_while_all_is_imported_sees_no_traceback(folder: Path) -> None:
    (folder / "a.yaml").write_text(key("a"))
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", HOLDFAST, "diff", "-f", "a.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:  # the first of many modules that are imported for the command
        if line.rstrip().endswith("click._compat"):
            process.send_signal(signal.SIGINT)
            break
    _, rest = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in rest


@pytest.mark.needs("setpriv")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_may_not_install_a_unit_for_the_machine_is_told_of_their_own(folder: Path) -> None:
    told = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", HOLDFAST, "node", "install"],
        cwd="/",
        env=os.environ | {"HOLDFAST_DATA": "/nonexistent/data"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 4
    assert "remedy: ask as root, or write one for this user's systemd with --user" in told.stderr
