"""The connection to a collector is kept, given up when it breaks, and made anew when it was let go of."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from reconciler.runtime.collector import Collector
from tests.serving import Answers, serving

pytestmark = pytest.mark.req("CORE-22", "OBS-20")


class Told:
    def __init__(self) -> None:
        self.connections = 0
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.status = 200
        self.lets_go = False  # of the connection, without a word, after an answer
        self.endpoint = ""


@contextmanager
def collector() -> Iterator[Told]:
    told = Told()

    class Handler(Answers):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            told.connections += 1

        def asked(self) -> None:
            told.paths.append(self.path)
            told.bodies.append(self.body())
            self.close_connection = told.lets_go
            self.answer(told.status, b"{}")

    with serving(Handler) as port:
        told.endpoint = f"http://127.0.0.1:{port}/v1/traces?of=one"
        yield told


def test_one_connection_serves_many_times() -> None:
    with collector() as told, closing(Collector(told.endpoint)) as ours:
        for n in range(5):
            ours.send(b"%d" % n)
    assert told.bodies == [b"0", b"1", b"2", b"3", b"4"]
    assert set(told.paths) == {"/v1/traces?of=one"}
    assert told.connections == 1


def test_a_connection_that_was_let_go_of_is_made_anew() -> None:
    with collector() as told, closing(Collector(told.endpoint)) as ours:
        told.lets_go = True
        for n in range(3):
            ours.send(b"%d" % n)
    assert told.bodies == [b"0", b"1", b"2"]
    assert told.connections == 3


def test_a_refusal_is_told_and_the_connection_stays() -> None:
    with collector() as told, closing(Collector(told.endpoint)) as ours:
        told.status = 503
        with pytest.raises(OSError, match="it answers 503 Service Unavailable"):
            ours.send(b"0")
        told.status = 200
        ours.send(b"1")
    assert told.connections == 1


def test_who_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with closing(Collector(f"http://127.0.0.1:{port}/")) as ours, pytest.raises(ConnectionError):
        ours.send(b"0")


@pytest.mark.parametrize("address", ["a..b:1/", "localhost:1/\u00fc", "localhost:1/ ", "localhost:x/"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    """Whatever the settings let pass: nobody's traces are worth a node."""
    with closing(Collector(f"http://{address}")) as ours, pytest.raises(OSError, match="nobody can be asked"):
        ours.send(b"0")


def test_what_speaks_no_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def babble() -> None:
            link, _ = listening.accept()
            with link:
                link.recv(65536)
                link.sendall(b"220 mail.example.org ready\r\n")

        talking = threading.Thread(target=babble)
        talking.start()
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with closing(Collector(endpoint)) as ours, pytest.raises(OSError, match="no HTTP"):
            ours.send(b"0")
        talking.join()
