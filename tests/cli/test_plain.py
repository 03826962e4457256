"""What others have written reaches a terminal as text, and as nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.plain import plain, plain_lines
from tests.cli.terminal import on_a_terminal
from tests.node.running import RunningNode, key, running_node, until

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\rkey/forged  True  Converged\nkey/more"

pytestmark = [pytest.mark.req("CLI-03")]


@pytest.fixture
def node() -> Iterator[RunningNode]:
    with running_node() as node:
        (node.place / "release.yaml").write_text(key("release"))
        node.start()
        until(lambda: node.answers() and node.converged({"key/release"}), "it is up")
        yield node


def test_what_is_no_printable_character_is_shown_by_its_number() -> None:
    assert plain("an é, a 語 and a 🚢") == "an é, a 語 and a 🚢"
    assert plain("\x1b[31m\x9b\t\u202e") == "\\x1b[31m\\x9b\\t\\u202e"
    assert plain("broken\n  remedy: mend it") == "broken; remedy: mend it"
    assert plain_lines("one\ntwo\x07") == "one\ntwo\\x07"


@pytest.mark.needs("setsid")
@pytest.mark.parametrize(
    "words",
    [
        ("describe", "key/release"),
        ("explain", "key/release"),
        ("events", "--tail", "3"),
        ("get", "-o", "wide"),
    ],
)
def test_no_message_commands_the_terminal(node: RunningNode, words: tuple[str, ...]) -> None:
    assert node.command("suspend", "key/release", "--reason", EVIL).returncode == 0
    with on_a_terminal(*words, "--data", str(node.data)) as terminal:
        assert terminal.process.wait(60) == 0
        until(lambda: "key/release" in terminal.raw, "it is shown")
        for one in ("\x1b]", "\x1b[2J", "\x9b", "\nkey/more"):
            assert one not in terminal.raw


@pytest.mark.needs("setsid")
def test_no_file_name_commands_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2Jevil.yaml").write_text("kind: Nonsense\n")
    with on_a_terminal("validate", "-f", str(tmp_path)) as terminal:
        assert terminal.process.wait(60) == 2
        until(lambda: "\\x1b[2Jevil.yaml:1:1" in terminal.raw, "its name is shown")
        assert "\x1b[2J" not in terminal.raw


def test_an_error_keeps_its_remedy_on_a_line_of_its_own(node: RunningNode) -> None:
    (node.place / "twice.yaml").write_text(key("release"))
    until(lambda: "is declared at" in node.command("source", "show", "root").stdout, "it is told")
    assert "\n  remedy: remove one of them\n" in node.command("source", "show", "root").stdout


def test_a_name_is_a_name_in_the_address_too(node: RunningNode) -> None:
    for name in ("key/a\x1b[31mb", "key/default/%2e%2e", "key/..", "key/a?b=c", "key/a#b", "key/é"):
        told = node.command("get", name)
        assert (told.returncode, "does not exist" in told.stderr) == (5, True), told.stderr
    assert node.command("source", "push", "../sources/root").returncode == 5
    assert node.command("logs", "web", "--tail", "9" * 20).returncode == 2
