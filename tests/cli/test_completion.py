"""What a shell offers while a person types: from the running node, and in silence where none runs."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.shell import HOLDFAST
from tests.node.running import RunningNode, key, running_node, service, until
from tests.saving import save

pytestmark = [pytest.mark.req("CLI-07")]
FAR = key("far").replace("name: far", "name: far, namespace: other")
ASK = """
source <(holdfast completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_holdfast_completion holdfast
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running_node() as node:
        save(node.place / "all.yaml", "---\n".join([key("release"), FAR, service("web", uuid4().hex)]))
        node.start()
        until(lambda: node.converged({"key/release", "key/other/far", "service/web"}), "the node is up")
        yield node


def offered(data: Path, *words: str) -> list[str]:
    """By a real bash, for the last word."""
    path = f"{Path(HOLDFAST).parent}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        ["bash", "-c", ASK, "bash", "holdfast", *words],
        env=os.environ | {"HOLDFAST_DATA": str(data), "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.stderr == ""
    return told.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("get", "ser"), ["service", "service/web", "servicegroup"]),
        (("get", "SERVICE/"), ["service/web"]),
        (("describe", "key/"), ["key/other/far", "key/release"]),
        (("-n", "other", "describe", "key/f"), ["key/far"]),
        (("delete", "key/release", "service/"), ["service/web"]),
        (("logs", "w"), ["web"]),
        (("service", "stop", "w"), ["web"]),
        (("key", "show", "rel"), ["release"]),
        (("source", "show", ""), ["inbox", "root"]),
        (("sta",), ["status"]),
        (("get", "-o", "j"), ["json"]),
        (("get", "--sel"), ["--selector"]),
    ],
)
def test_what_fits_is_offered(node: RunningNode, words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(node.data, *words) == expected


def test_the_revisions_of_the_source_that_is_named_are_offered(node: RunningNode) -> None:
    (revision,) = offered(node.data, "rollback", "root", "")
    assert revision in [one["revision"] for one in node.ask("/sources/root/revisions")]


def test_without_a_node_nothing_is_offered_and_nothing_said(tmp_path: Path) -> None:
    assert offered(tmp_path, "get", "ser") == []
    (tmp_path / "holdfast.sock").write_text("no socket")
    assert offered(tmp_path, "get", "ser") == []


def test_a_node_that_does_not_answer_keeps_nobody_waiting(node: RunningNode, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(node.data / "deaf"))
        deaf.listen()
        began = time.monotonic()
        assert offered(tmp_path, "--socket", str(node.data / "deaf"), "get", "ser") == []
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "words",
    [("apply", "-f"), ("diff", "-f"), ("validate", "-f"), ("up",), ("get", "--data"), ("node", "install")],
)
def test_files_are_left_to_the_shell(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = subprocess.run(
        [HOLDFAST],
        env=os.environ
        | {"_HOLDFAST_COMPLETE": "bash_complete", "HOLDFAST_DATA": str(tmp_path)}
        | {"COMP_WORDS": " ".join(("holdfast", *words, "man")), "COMP_CWORD": str(len(words) + 1)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "file,man\n"


@pytest.mark.needs("fish")
def test_fish_offers_what_fits(node: RunningNode, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").touch()
    ask = (
        "holdfast completion fish | source; "
        'for words in "describe key/" "up $argv[1]/"; complete -C "holdfast $words"; end'
    )
    told = subprocess.run(
        ["fish", "--no-config", "-c", ask, str(tmp_path)],
        env=os.environ
        | {"HOLDFAST_DATA": str(node.data), "PATH": f"{Path(HOLDFAST).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.split() == ["key/other/far", "key/release", f"{tmp_path}/manifest.yaml"]


@pytest.mark.parametrize(("shell", "word"), [("zsh", "compdef"), ("fish", "complete --no-files")])
def test_the_scripts_of_other_shells_are_printed(tmp_path: Path, shell: str, word: str) -> None:
    told = subprocess.run([HOLDFAST, "completion", shell], capture_output=True, text=True, check=True)
    assert word in told.stdout
    assert f"_HOLDFAST_COMPLETE={shell}_complete" in told.stdout
