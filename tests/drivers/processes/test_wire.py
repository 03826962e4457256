"""The keeper's socket under bad input: garbage, too much, too slow, the wrong person. It goes on serving."""

from __future__ import annotations

import json
import os
import pwd
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from reconciler.drivers.processes.launch import KEEPER
from tests.drivers.processes.alive import living
from tests.drivers.processes.rigs import PATIENCE_S, PYTHON

START = {
    "do": "start",
    "id": "web",
    "argv": ["sleep", "3600"],
    "env": {"PATH": os.environ["PATH"]},
    "stop_signal": 15,
    "grace_s": 5,
    "max_bytes": 10000,
    "keep": 2,
}


class Wire:
    """A connection to a keeper, letter by letter."""

    def __init__(self, folder: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        here = Path.cwd()
        os.chdir(folder)  # the path may be longer than an address can be
        self.socket.connect("keeper.sock")
        os.chdir(here)
        self._lines = self.socket.makefile("rb")

    def send(self, line: bytes) -> None:
        self.socket.sendall(line + b"\n")

    def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._lines.readline())
        return message

    def ask(self, **request: object) -> dict[str, Any]:
        self.send(json.dumps({"n": 7, **request}).encode())
        while (answer := self.hear()).get("n") != 7:
            pass
        return answer

    def close(self) -> None:
        self._lines.close()
        self.socket.close()

    def ended(self) -> bool:
        try:
            return self._lines.readline() == b""
        except ConnectionError:
            return True


Connect = Callable[[], Wire]


@contextmanager
def started(folder: Path) -> Iterator[Connect]:
    subprocess.run([*PYTHON, KEEPER, folder], check=True, timeout=PATIENCE_S)
    wires: list[Wire] = []

    def connect() -> Wire:
        wires.append(Wire(folder))
        return wires[-1]

    try:
        yield connect
    finally:
        for wire in wires:
            wire.close()
        last = Wire(folder)
        last.ask(do="shutdown")
        last.close()


@pytest.fixture
def connect(folder: Path) -> Iterator[Connect]:
    """Opens connections to a keeper that runs."""
    with started(folder) as opened:
        yield opened


def test_only_its_owner_may_enter(connect: Connect, folder: Path) -> None:
    connect()
    assert stat.S_IMODE((folder / "keeper.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_another_user_is_sent_away_even_when_the_door_stands_open() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    with TemporaryDirectory(dir="/tmp") as name, started(Path(name)) as connect:
        Path(name).chmod(0o755)
        Path(name, "keeper.sock").chmod(0o777)
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
        try:
            stranger = connect()
        finally:
            os.seteuid(0)
        assert stranger.ended()
        assert "ok" in connect().ask(do="version")


GARBAGE = [
    b"",
    b"garbage",
    b"\x00\xff\xfe",
    b"[]",
    b"1",
    b"null",
    b'"start"',
    b"{}",
    b'{"n": 1}',
    b'{"n": 1, "do": 5}',
    b'{"n": 1, "do": "explode"}',
    b'{"n": 1, "do": ["start"]}',
    b'{"n": 1, "do": "stop"}',
    b'{"n": 1, "do": "start"',
    b"[" * 100_000,
    b'{"n": ' + b"9" * 10_000 + b"}",
]


@pytest.mark.parametrize("line", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_gets_an_error_and_the_connection_goes_on(
    connect: Connect, folder: Path, line: bytes
) -> None:
    wire = connect()
    wire.send(line)
    assert wire.hear()["error"]["code"] == "INVALID_REQUEST"
    assert "ok" in wire.ask(do="version")


WRONG: list[tuple[str, object]] = [
    ("id", ""),
    ("id", "../etc"),
    ("id", "a b"),
    ("id", "x" * 201),
    ("id", 5),
    ("argv", []),
    ("argv", "sleep 3600"),
    ("argv", ["sleep", 3600]),
    ("argv", ["sl\0eep"]),
    ("argv", ["\ud800"]),
    ("env", ["PATH"]),
    ("env", {"A=B": "1"}),
    ("env", {"": "1"}),
    ("env", {"A": "s3cret\0"}),
    ("env", {"A": 1}),
    ("labels", {"a": None}),
    ("cwd", 7),
    ("user", ["root"]),
    ("stop_signal", "TERM"),
    ("stop_signal", 0),
    ("stop_signal", 1000),
    ("stop_signal", True),
    ("grace_s", -1),
    ("grace_s", float("nan")),
    ("grace_s", float("inf")),
    ("max_bytes", 0),
    ("keep", 0),
    ("keep", "many"),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_field_is_named_and_its_value_is_not(
    connect: Connect, folder: Path, field: str, value: object
) -> None:
    error = connect().ask(**{**START, field: value})["error"]
    assert error["code"] == "INVALID_REQUEST"
    assert error["message"].startswith(f"{field}: expected ")
    assert "s3cret" not in json.dumps(error)
    assert living(folder) == {}


@pytest.mark.parametrize("field", ["cwd", "user", "argv"])
def test_what_cannot_be_run_is_said(connect: Connect, folder: Path, field: str) -> None:
    value = {"cwd": "/no/such/place", "user": "nobody-at-all", "argv": ["/etc/passwd"]}[field]
    error = connect().ask(**{**START, field: value})["error"]
    said = {
        "cwd": "cannot enter '/no/such/place': No such file or directory",
        "user": "cannot become user 'nobody-at-all': there is no such user or group",
        "argv": "cannot run '/etc/passwd': Permission denied",
    }[field]
    assert error == {"code": "FAILED", "message": f"cannot start web: {said}", "remedy": ""}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("field", ["cwd", "argv"])
def test_whom_a_folder_keeps_out_is_told_where_to_go(
    connect: Connect, folder: Path, tmp_path: Path, field: str
) -> None:
    private = tmp_path / "data"
    private.mkdir(mode=0o700)
    program = private / "run"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    value = {"cwd": str(private), "argv": [str(program)]}[field]
    error = connect().ask(**{**START, field: value, "user": "nobody"})["error"]
    assert "Permission denied" in error["message"]
    assert error["remedy"].startswith("user 'nobody' may not enter it")
    assert living(folder) == {}


def test_a_line_without_end_ends_the_connection_and_nothing_else(connect: Connect, folder: Path) -> None:
    wire = connect()
    with pytest.raises(ConnectionError):
        wire.socket.sendall(b"x" * (64 << 20))
    assert "ok" in connect().ask(do="version")


def test_a_client_that_never_reads_is_dropped_and_keeps_nobody_waiting(
    connect: Connect, folder: Path
) -> None:
    slow, quick = connect(), connect()
    slow.ask(do="subscribe")
    quick.ask(**START)
    with pytest.raises(ConnectionError):
        slow.socket.sendall(b'{"n": 1, "do": "list"}\n' * 1_000_000)
    assert "ok" in quick.ask(do="version")


def test_a_client_that_leaves_in_the_middle_does_no_harm(connect: Connect, folder: Path) -> None:
    wire = connect()
    wire.socket.sendall(json.dumps({"n": 1, **START}).encode()[:50])
    wire.close()
    leaving = connect()
    leaving.send(json.dumps({"n": 1, **START}).encode())
    leaving.close()
    assert connect().ask(**START)["ok"]["state"] == "running"
    assert len(living(folder)) == 1


def test_too_many_clients_are_sent_away_until_others_leave(connect: Connect, folder: Path) -> None:
    wires = [connect() for _ in range(64)]
    assert all("ok" in wire.ask(do="version") for wire in wires)
    assert connect().ended()
    for wire in wires:
        wire.close()
    while True:
        again = connect()
        with suppress(BrokenPipeError):  # it was sent away before it had spoken
            again.send(b'{"n": 1, "do": "version"}')
        if not again.ended():
            break


def test_many_requests_in_one_breath_are_all_answered_in_order(connect: Connect, folder: Path) -> None:
    wire = connect()
    wire.socket.sendall(b"".join(b'{"n": %d, "do": "version"}\n' % n for n in range(1000)))
    assert [wire.hear()["n"] for _ in range(1000)] == list(range(1000))


def test_only_one_keeper_holds_a_folder(connect: Connect, folder: Path) -> None:
    first = connect().ask(do="version")["ok"]["pid"]
    others = [subprocess.Popen([*PYTHON, KEEPER, folder]) for _ in range(5)]
    assert {other.wait(timeout=PATIENCE_S) for other in others} == {3}
    assert connect().ask(do="version")["ok"]["pid"] == first


def test_a_keeper_holds_no_file_of_whoever_called_it() -> None:
    reads, writes = os.pipe()
    with TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([*PYTHON, KEEPER, folder], check=True, timeout=30, pass_fds=[writes], stdout=writes)
        os.close(writes)
        assert os.read(reads, 1) == b"", "its end is seen while the keeper lives"
        os.close(reads)
        wire = Wire(folder)
        wire.ask(do="shutdown")
        wire.close()


def test_a_keeper_that_cannot_write_says_why(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    failed = subprocess.run([*PYTHON, KEEPER, blocked], capture_output=True, check=False, timeout=PATIENCE_S)
    assert failed.returncode == 1
    assert b"File exists" in failed.stderr or b"Not a directory" in failed.stderr
