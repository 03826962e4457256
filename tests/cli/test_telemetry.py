"""What a telemetry endpoint is told of a command, and that no command waits for it."""

from __future__ import annotations

import json
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler import __version__
from tests.cli.shell import run
from tests.serving import Answers, serving

pytestmark = pytest.mark.req("CLI-05", "OBS-17")


@contextmanager
def counting() -> Iterator[tuple[str, queue.Queue[dict[str, object]]]]:
    """An endpoint, and what it is told."""
    told: queue.Queue[dict[str, object]] = queue.Queue()

    class Counter(Answers):
        def asked(self) -> None:
            told.put(json.loads(self.body()))
            self.send_response(204)
            self.end_headers()

    with serving(Counter) as port:
        yield f"http://127.0.0.1:{port}/counters", told


def test_a_command_is_counted_by_its_verb_and_its_end_alone(tmp_path: Path) -> None:
    with counting() as (endpoint, told):
        environ = {"HOLDFAST_TELEMETRY_ENDPOINT": endpoint}
        assert run(tmp_path / "data", "version", environ=environ).returncode == 0
        common = {"version": __version__, "count": 1}
        assert told.get(timeout=30) == {"command": "version", "outcome": "success", "status": 0, **common}
        assert run(tmp_path / "data", "get", "key/very-private", environ=environ).returncode == 5
        assert told.get(timeout=30) == {"command": "get", "outcome": "failure", "status": 5, **common}


def test_nothing_is_sent_unless_it_is_asked_for(tmp_path: Path) -> None:
    with counting() as (endpoint, told):
        assert run(tmp_path / "data", "version").returncode == 0
        environ = {"HOLDFAST_TELEMETRY_ENDPOINT": endpoint}
        assert run(tmp_path / "data", "status", environ=environ).returncode == 7
        assert told.get(timeout=30)["command"] == "status"
        assert told.empty()


def test_an_endpoint_that_does_not_answer_costs_a_command_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        for endpoint in (
            f"http://127.0.0.1:{deaf.getsockname()[1]}",
            "http://127.0.0.1:1",
            "nonsense",
            "file:///",
        ):
            told = run(tmp_path / "data", "version", environ={"HOLDFAST_TELEMETRY_ENDPOINT": endpoint})
            assert (told.returncode, told.stderr) == (0, b"")
            assert told.stdout == f"holdfast {__version__}\n".encode()
