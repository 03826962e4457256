"""What the command is given can be closed, cut off, unreadable or endless: each has its clear error."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
HEAD = "apiVersion: holdfast.dev/v1\nkind: "
KEY = f"{HEAD}Key\nmetadata: {{name: release}}\nspec: {{role: creator, generate: true}}\n"


def run(data: Path, *words: str, typed: bytes = b"", through: str = "") -> subprocess.CompletedProcess[str]:
    """The command; `through` is a shell's redirection."""
    told = subprocess.run(
        ["sh", "-c", f'exec "$@" {through}', "sh", HOLDFAST, *words],
        env=os.environ | {"HOLDFAST_DATA": str(data)},
        input=typed,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(told.args, told.returncode, told.stdout.decode(), told.stderr.decode())


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("validate", "-f", "-"), 2),
        (("diff", "-f", "-"), 2),
        (("delete", "key/release"), 4),
        (("secret", "encrypt"), 2),
    ],
)
def test_a_closed_standard_input_is_an_empty_one(tmp_path: Path, words: tuple[str, ...], status: int) -> None:
    told = run(tmp_path, *words, through="<&-")
    assert told.returncode == status, told.stderr
    assert "crashed" not in told.stderr


@pytest.mark.req("CLI-01")
def test_what_is_piped_in_must_be_text(tmp_path: Path) -> None:
    told = run(tmp_path, "validate", "-f", "-", typed=b"kind: \xff\n")
    assert told.returncode == 2
    assert "-:1:7: the byte 0xff is no UTF-8\n  remedy: save the file as UTF-8" in told.stdout
    assert run(tmp_path, "diff", "-f", "-", typed=b"kind: \xff\n").returncode == 2


@pytest.mark.req("CLI-01", "CORE-06")
def test_a_file_that_is_no_text_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "b.yaml").write_bytes(f"{KEY}# caf\xe9\n".encode("latin-1"))
    (tmp_path / "c.yaml").write_text(KEY.replace("creator", "creater"))
    for words in (("validate",), ("diff",), ("apply", "--yes")):
        told = run(tmp_path, *words, "-f", str(tmp_path))
        assert told.returncode == 2
        assert "b.yaml:" in told.stdout + told.stderr
        assert "is no UTF-8" in told.stdout + told.stderr
    told = run(tmp_path, "validate", "-f", str(tmp_path))
    assert {
        line.partition(":")[0].rpartition("/")[2] for line in told.stdout.splitlines() if line[0] != " "
    } == {
        "a.yaml",
        "b.yaml",
        "c.yaml",
    }


@pytest.mark.req("CLI-01")
@pytest.mark.parametrize("through", ["</dev/zero", ""])
def test_what_has_no_end_is_refused(tmp_path: Path, through: str) -> None:
    told = run(tmp_path, "validate", "-f", "-" if through else "/dev/zero", through=through)
    assert told.returncode == 2
    assert "more than 48 MiB" in told.stderr or "/dev/zero is no file" in told.stderr


@pytest.mark.req("CLI-01")
def test_a_file_that_breaks_off_is_named(tmp_path: Path) -> None:
    told = run(tmp_path, "validate", "-f", "/proc/self/mem")  # it opens, and cannot be read from its start
    assert (told.returncode, told.stderr) == (
        2,
        "error (Bad Request): /proc/self/mem cannot be read: Input/output error\n",
    )


@pytest.mark.req("CLI-01", "CORE-05")
def test_a_folder_that_cannot_be_read_whole_is_not_taken_for_a_smaller_one(tmp_path: Path) -> None:
    """Its manifests would else be pruned as if they had been taken out."""
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "key.yaml").write_text(KEY)
    (tmp_path / "all" / "gone.yaml").symlink_to("nowhere")
    told = run(tmp_path / "data", "diff", "-f", str(tmp_path / "all"), "--prune")
    assert told.returncode == 2
    assert "gone.yaml is no file" in told.stderr


@contextmanager
def node_that_breaks_off(folder: Path) -> Iterator[None]:
    """Answers that it is there, and every other question with half of an answer."""
    folder.mkdir()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(folder / "holdfast.sock"))
    listening.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked = connection.recv(65536)
                body, length = (b"{}", 2) if b" /status " in asked else (b'{"half":', 100)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + body)

    answering = threading.Thread(target=serve)
    answering.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        answering.join(10)


@pytest.mark.req("CLI-01", "CLI-02")
@pytest.mark.parametrize("words", [("get",), ("status",), ("logs", "web"), ("events",), ("down",)])
def test_a_node_that_dies_while_it_answers_is_said_to_be_gone(tmp_path: Path, words: tuple[str, ...]) -> None:
    data = tmp_path / "data"
    with node_that_breaks_off(data):
        told = run(data, *words)
    assert told.returncode == 7, told.stderr
    assert "broke off" in told.stderr
