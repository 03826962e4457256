"""How long it takes until what was committed is so, and until what was hurt is whole."""

from __future__ import annotations

import signal
import subprocess
import time
from functools import partial
from itertools import count, islice
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

import pytest

from tests.measured import Measured
from tests.node.running import RunningNode, hurt, key, processes, running_node, service, until
from tests.saving import save

COMMITS = 100
WITHIN_S = 1.0
INTERVAL_S = 2.0


def git(folder: Path, *words: str) -> str:
    ours = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *ours, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, name: str) -> None:
    (folder / f"{name}.yaml").write_text(key(name))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", name)


def in_force(node: RunningNode, name: str) -> bool:
    found = node.remote.ask("GET", "/api/v1/resources/all", {"kind": "Key", "name": name})["data"]
    return any(one["status"]["ready"] for one in found)


@pytest.mark.timed
@pytest.mark.timeout(600)
@pytest.mark.needs("git")
@pytest.mark.req("CORE-04", "TST-47")
def test_a_pushed_commit_is_ready_within_a_second() -> None:
    with running_node() as node:
        git(node.place, "init", "-q")
        commit(node.place, "first")
        node.start()
        until(lambda: node.converged({"key/first"}), "the first commit")
        p95, numbers = Measured(WITHIN_S), count()
        while p95.is_open:
            took = []
            for number in islice(numbers, COMMITS):
                commit(node.place, f"k{number}")
                began = time.monotonic()
                node.remote.ask("POST", "/api/v1/sources/root/push")
                until(partial(in_force, node, f"k{number}"), f"commit {number}")
                took.append(time.monotonic() - began)
            p95.add(quantiles(took, n=20)[-1])
        assert p95.best <= WITHIN_S


@pytest.mark.timed
@pytest.mark.needs("git")
@pytest.mark.req("CORE-04")
def test_without_a_push_a_commit_is_found_within_the_interval() -> None:
    with running_node() as node:
        inner = node.place.parent / "repository"
        inner.mkdir()
        git(inner, "init", "-q")
        commit(inner, "first")
        save(
            node.place / "source.yaml",
            "apiVersion: holdfast.dev/v1\nkind: Source\nmetadata: {name: polled}\n"
            f"spec: {{git: {{url: {inner}}}, interval: {INTERVAL_S:g}s}}\n",
        )
        node.start()
        until(lambda: node.answers() and in_force(node, "first"), "the first commit")
        most, numbers = Measured(INTERVAL_S + WITHIN_S), count()
        while most.is_open:
            took = []
            for number in islice(numbers, 10):
                commit(inner, f"k{number}")
                began = time.monotonic()
                until(partial(in_force, node, f"k{number}"), f"commit {number}")
                took.append(time.monotonic() - began)
            most.add(max(took))
        assert most.best <= most.goal


@pytest.mark.timed
@pytest.mark.req("CORE-02", "TST-47")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_hurt_process_is_whole_within_a_second(number: signal.Signals) -> None:
    marker, names = f"mark-{uuid4().hex}", [f"s{n}" for n in range(30)]
    with running_node() as node:
        save(node.place / "all.yaml", "---\n".join(service(name, marker) for name in names))
        node.start()
        p95 = Measured(WITHIN_S)
        while p95.is_open:
            until(lambda: node.converged({f"service/{name}" for name in names}), "all services run")
            took = []
            for pid, words in processes(marker).items():
                began = time.monotonic()
                hurt(pid, number)
                name = words[-2]
                until(partial(_whole, marker, name, pid, number), f"{name} is whole")
                took.append(time.monotonic() - began)
            assert len(took) == len(names)
            p95.add(quantiles(took, n=20)[-1])
        assert p95.best <= WITHIN_S


def _whole(marker: str, name: str, hurt_one: int, number: signal.Signals) -> bool:
    alive = [pid for pid, words in processes(marker).items() if words[-2] == name]
    if number is signal.SIGKILL:
        return bool(alive) and hurt_one not in alive
    return Path(f"/proc/{hurt_one}/stat").read_text().rpartition(")")[2].split()[0] != "T"
