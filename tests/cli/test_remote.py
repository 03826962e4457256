"""Whoever answers, and however: a command's connection ends with the answer, and an error is an error."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.cli.remote import BrokenOff, Remote
from reconciler.errors import Conflict, Problem

pytestmark = pytest.mark.req("CLI-01")

PATIENCE_S = 20


class Answering:
    """Answers one request with these bytes, and tells whether the other side has hung up after that."""

    def __init__(self, path: Path, answer: bytes, *, ends: bool) -> None:
        self._answer, self._ends = answer, ends
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self.hung_up = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        connection.settimeout(PATIENCE_S)
        with self._socket, connection:
            while not connection.recv(65536).endswith(b"\r\n\r\n"):
                pass
            connection.sendall(self._answer)
            if self._ends:
                connection.shutdown(socket.SHUT_WR)
            if connection.recv(1) == b"":
                self.hung_up.set()


@contextmanager
def answering(folder: Path, answer: bytes, *, ends: bool = False) -> Iterator[tuple[Answering, Remote]]:
    server = Answering(folder / "s", answer, ends=ends)
    try:
        yield server, Remote(str(folder / "s"))
    finally:
        server.thread.join(PATIENCE_S)


def answer(status: str, body: bytes, said: int | None = None) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {said or len(body)}\r\n\r\n".encode() + body


def test_a_connection_that_is_kept_alive_ends_with_the_answer(tmp_path: Path) -> None:
    refused = b'{"code": "CONFLICT", "detail": "it is taken"}'
    with answering(tmp_path, answer("409 Conflict", refused)) as (server, remote):
        with pytest.raises(Conflict, match="it is taken") as kept:  # and with it all that it passed through
            remote.ask("GET", "/health")
        assert server.hung_up.wait(PATIENCE_S)
        assert isinstance(kept.value, Problem)


def test_so_does_one_that_went_well(tmp_path: Path) -> None:
    with answering(tmp_path, answer("200 OK", b"[1]")) as (server, remote):
        assert remote.ask("GET", "/health") == [1]
        assert server.hung_up.wait(PATIENCE_S)


def test_an_error_that_breaks_off_is_told_as_such(tmp_path: Path) -> None:
    torn = answer("503 Service Unavailable", b'{"code"', said=1000)
    with answering(tmp_path, torn, ends=True) as (server, remote):
        with pytest.raises(BrokenOff, match="broke off in the midst"):
            remote.ask("GET", "/health")
        assert server.hung_up.wait(PATIENCE_S)
