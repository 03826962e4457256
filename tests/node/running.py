"""A real node in a process of its own, on scratch folders, that a test may kill at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler.cli.remote import Remote
from reconciler.errors import Problem
from tests.process_table import words_of_all

HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
PATIENCE_S = 60.0


def until(holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Look again and again until it is so; a test fails when it takes too long."""
    end = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience_s:g} s: {what}")
        time.sleep(0.01)


class RunningNode:
    def __init__(self, place: Path, data: Path) -> None:
        self.place = place
        self.data = data
        self.remote = Remote(str(data / "holdfast.sock"), timeout=PATIENCE_S)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """`settings` are variables of its environment."""
        command = [HOLDFAST, "up", str(self.place), "--data", str(self.data)]
        environ = os.environ | {"HOLDFAST_API_LISTEN": "127.0.0.1:0", "HOLDFAST_DAEMON_LEGACY_LISTEN": ""}
        environ |= settings
        with (self.data.parent / "log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def printed(self) -> str:
        return (self.data.parent / "log").read_text()

    def kill(self) -> None:
        """Without a warning, as the power does it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """For its end; what it exits with."""
        assert self._process is not None
        return self._process.wait(timeout=PATIENCE_S)

    def ended(self) -> bool:
        """It does not run: not any more, or not yet."""
        return self._process is None or self._process.poll() is not None

    def ask(self, path: str, query: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        return self.remote.ask("GET", f"/api/v1{path}", query)

    def answers(self) -> bool:
        try:
            self.remote.ask("GET", "/health")
        except Problem:
            return False
        return True

    def source(self, name: str = "root") -> dict[str, Any]:
        """How a source does; empty while nobody knows."""
        try:
            return dict(self.ask(f"/sources/{name}"))
        except Problem:
            return {}

    def push(self, name: str) -> None:
        self.remote.ask("POST", f"/api/v1/sources/{name}/push")

    def status(self, ref: str) -> dict[str, Any]:
        """How a resource does; empty when there is none."""
        kind, _, name = ref.partition("/")
        try:
            found = self.ask("/resources/all", {"kind": kind, "name": name})["data"]
        except Problem:
            return {}
        return dict(found[0]["status"]) if found else {}

    def resources(self) -> dict[str, dict[str, Any]]:
        """By ref."""
        found: dict[str, dict[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            piece = self.ask("/resources/all", {"cursor": cursor} if cursor else None)
            found |= {one["status"]["ref"]: one for one in piece["data"]}
            cursor = piece["next"]
        return found

    def converged(self, wanted: set[str]) -> bool:
        """Just these are there, beside sources, and all are ready, the sources too."""
        return self.has(wanted) and all(one["status"]["ready"] for one in self.resources().values())

    def has(self, wanted: set[str]) -> bool:
        """Just these are there, and ready as they are declared now, however the sources do."""
        try:
            found = self.resources()
        except Problem:
            return False
        ready = {
            ref: status["ready"] and status["generation"] == status["observed_generation"]
            for ref, one in found.items()
            if (status := one["status"]) and not ref.startswith("source/")
        }
        return ready == dict.fromkeys(wanted, True)

    def judged(self) -> bool:
        """What is in force is known to have come up: no more will be told of it."""
        newest = [self.ask(f"/sources/{one['name']}/revisions")[:1] for one in self.ask("/sources")["data"]]
        return all(revision["outcome"] == "ready" for found in newest for revision in found)

    def command(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HOLDFAST, *words],
            env=os.environ | {"HOLDFAST_DATA": str(self.data)} | environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def close(self) -> None:
        """Leave nothing behind: neither the node, nor what it supervises."""
        if self._process is None:
            return
        if self._process.poll() is not None:
            self.start()
        until(self.answers, "the node answers, to be shut down")
        self.remote.ask("POST", "/api/v1/daemon/shutdown", {"services": "true"})
        self._process.wait(timeout=PATIENCE_S)


@contextmanager
def running_node() -> Iterator[RunningNode]:
    """On a short path: a Unix socket's address has room for about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="hf") as scratch:
        place, data = Path(scratch, "in"), Path(scratch, "d")
        place.mkdir()
        data.mkdir(mode=0o700)
        node = RunningNode(place, data)
        try:
            yield node
        finally:
            node.close()


def key(name: str) -> str:
    return (
        "apiVersion: holdfast.dev/v1\nkind: Key\n"
        f"metadata: {{name: {name}}}\nspec: {{role: creator, generate: true}}\n"
    )


def service(name: str, marker: str, **spec: object) -> str:
    """It sleeps; `marker` in its arguments tells it from all other processes of the machine."""
    body = {"command": [sys.executable, "-c", "import time; time.sleep(3600)", marker, name], **spec}
    return (
        f"apiVersion: holdfast.dev/v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {json.dumps(body)}\n"
    )


def processes(marker: str) -> dict[int, list[str]]:
    """What runs with this marker among its arguments, as the kernel tells it."""
    return {
        pid: words
        for pid, words in words_of_all().items()
        if marker in words and "time.sleep(3600)" in " ".join(words)
    }


def hurt(pid: int, number: signal.Signals) -> None:
    os.kill(pid, number)
