"""The node is killed at random moments; the next start converges, and nothing is doubled or lost."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.node.running import RunningNode, hurt, key, processes, running_node, service, until
from tests.process_table import started_on

KILLS = int(os.environ.get("HOLDFAST_KILLS", "40"))
A_LIFE = 10  # kills that one node survives, before a fresh one takes its place
SERVICES, KEYS = 20, 180


@pytest.mark.random
@pytest.mark.timeout(900)
@pytest.mark.req("CORE-02", "CORE-27", "DMN-11", "TST-47")
@pytest.mark.parametrize("life", range(max(1, KILLS // A_LIFE)))
def test_a_killed_node_converges_when_it_is_started_again(life: int) -> None:
    chance, marker = random.Random(life), f"mark-{uuid4().hex}"
    with running_node() as node:
        wanted: set[str] = set()
        for _ in range(A_LIFE):
            wanted = _declare(node, chance, marker)
            node.start()
            # The moment is random on purpose: it lands in the start, in making, in pruning, or after it.
            time.sleep(chance.uniform(0.2, 2.5))
            node.kill()
        node.start()
        until(lambda: node.converged(wanted), f"life {life} converges after its kills", 120.0)
        _no_event_repeats(node)
        services = {ref.removeprefix("service/") for ref in wanted if ref.startswith("service/")}
        running = [words[-2] for words in processes(marker).values()]
        assert sorted(running) == sorted(services), "each service runs once, and nothing else does"


@pytest.mark.random
@pytest.mark.req("CORE-02", "CORE-27", "DMN-11", "TST-47")
@pytest.mark.parametrize("victims", ["keeper", "keeper and node", "node in its first second"])
def test_whoever_is_killed_no_process_is_doubled_or_lost(victims: str) -> None:
    chance, marker = random.Random(victims), f"mark-{uuid4().hex}"
    with running_node() as node:
        wanted: set[str] = set()
        for _ in range(A_LIFE):
            wanted = _declare(node, chance, marker)
            if node.ended():
                node.start()
            if "first second" in victims:
                time.sleep(chance.uniform(0, 1))
            else:
                until(lambda: bool(_keepers(node.data)), "the keeper is there")
                time.sleep(chance.uniform(0, 1.5))
            killed = _keepers(node.data) if "keeper" in victims else []
            if "node" in victims:
                node.kill()
            for keeper in killed:
                with suppress(ProcessLookupError):  # it was a launcher, and has done its work
                    hurt(keeper, signal.SIGKILL)
        if node.ended():
            node.start()
        until(lambda: node.converged(wanted), f"{victims}: it converges", 120.0)
        services = sorted(ref.removeprefix("service/") for ref in wanted if ref.startswith("service/"))
        assert sorted(words[-2] for words in processes(marker).values()) == services
        until(lambda: len(_keepers(node.data)) == 1, "one keeper, once its launcher has gone")


def _keepers(data: Path) -> list[int]:
    """The keepers of this node, as the kernel tells it."""
    return [pid for pid, words in started_on(data).items() if "processes/keeper" in " ".join(words)]


def _declare(node: RunningNode, chance: random.Random, marker: str) -> set[str]:
    """About 200 resources, a part of them changed or gone since the last time, never more than half."""
    names = [f"s{n}" for n in range(SERVICES) if chance.random() < 0.8]
    keys = [f"k{n}" for n in range(KEYS) if chance.random() < 0.8]
    texts = [service(name, marker, env={"TURN": str(chance.randrange(3))}) for name in names]
    whole = "---\n".join([*texts, *(key(name) for name in keys)])
    scratch = node.place.parent / "next.yaml"
    scratch.write_text(whole)
    scratch.rename(node.place / "all.yaml")
    return {f"service/{name}" for name in names} | {f"key/{name}" for name in keys}


def _no_event_repeats(node: RunningNode) -> None:
    cursor: str | None = ""
    last = 0
    while cursor is not None:
        piece = node.ask("/events/history", {"limit": "100", **({"cursor": cursor} if cursor else {})})
        for event in piece["data"]:
            assert event["id"] > last, "ids only grow"
            last = event["id"]
        cursor = piece["next"]
    assert last
