"""Machines with equal wishes and without a past come to the same end, whenever each source can be read."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from reconciler.engine.turns import PATIENCE_S
from reconciler.model import NODE_SOURCE
from tests.simulation.committer import SOURCES, Committer
from tests.simulation.node import POLL_S, MakeEngine, Node
from tests.simulation.simulation import Simulation
from tests.simulation.thing import ThingSpec, named

SEEDS = 60
DECLARED = {"one": "a", "two": "ab", "three": "abc"}  # "three" is declared by "one", so it comes last
IN_FORCE = {"a": "one", "b": "two", "c": "three"}


class AtOdds(Committer):
    """Every source declares what others do, in its own way."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.repos["one"].documents.clear()
        for name, things in DECLARED.items():
            repo = self.repos[name]
            repo.revision += 1
            for thing in things:
                repo.declare(named(thing), ThingSpec(value=list(DECLARED).index(name)), {})
        self._source(self.repos[NODE_SOURCE], "two")
        self._source(self.repos["one"], "three")


class Fresh(Node):
    def _committer(self, random: Random) -> Committer:
        return AtOdds(random)


class FirstReading(Simulation):
    def _node(self, random: Random, make_engine: MakeEngine) -> Node:
        return Fresh(random, make_engine)

    async def _live(self) -> None:
        node, random = self.node, self._random
        node.faults.cease()  # it may still be slow
        repos = [node.committer.repos[name] for name in SOURCES if name != NODE_SOURCE]
        for repo in repos:
            repo.readable = False
        await node.start()
        try:
            for repo in random.sample(repos, len(repos)):
                await asyncio.sleep(random.uniform(0.0, (PATIENCE_S - POLL_S / 2) / len(repos)))
                if random.random() < 0.2:
                    await node.crash()
                repo.readable = True
            await self._rest()
        finally:
            if node.life is not None:
                await node.life.end()


@pytest.mark.req("CORE-01", "TST-47")
def test_the_order_of_the_sources_decides_and_not_when_each_was_read() -> None:
    for seed in range(SEEDS):
        simulation = FirstReading(seed)
        simulation.run()
        rows = simulation.node.witness.rows
        assert {name: rows[named(name)].source for name in IN_FORCE} == IN_FORCE, f"seed {seed}"
