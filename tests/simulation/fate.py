"""What happens to a node in its life: commits, people, outsiders, faults, crashes.

Rules: every choice comes from the seed; a deed says in the log what it did, so that a failing seed can
be read like a diary.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

from reconciler.model import NODE_SOURCE, Override
from tests.simulation.committer import THINGS
from tests.simulation.node import Node
from tests.simulation.thing import named

PORTS = ("observe", "act", "secrets", "store", "load", "owned")


class Fate:
    """Deals out what happens next."""

    def __init__(self, random: Random, node: Node) -> None:
        self._random = random
        self._node = node
        self._overrides = 0

    async def deal(self) -> None:
        deed = self._random.choices(
            (
                self._commit, self._drift, self._foreign, self._crash, self._outage, self._override,
                self._end_override, self._request, self._rotate, self._jump, self._pause, self._unreadable,
                self._lose_store, self._allow, self._move,
            ),
            (30, 10, 6, 6, 6, 6, 3, 3, 3, 3, 8, 3, 0.4, 2, 6),
        )[0]  # fmt: skip
        said = await deed()
        self._node.witness.note(f"DEED {said}")

    async def _commit(self) -> str:
        return self._node.committer.anything()

    async def _drift(self) -> str:
        outside = self._node.outside
        if not outside.bodies:
            return "nothing to disturb"
        ref = self._random.choice(sorted(outside.bodies))
        if self._random.random() < 0.5:
            outside.outsider_removes(ref)
            return f"somebody removes {ref}"
        outside.outsider_alters(ref, 7)
        return f"somebody alters {ref}"

    async def _foreign(self) -> str:
        ref = named(self._random.choice((*THINGS, "crowd-x")))
        self._node.outside.outsider_makes(ref, 9)
        return f"somebody makes {ref}"

    async def _crash(self) -> str:
        await self._node.crash()
        return "crash"

    async def _outage(self) -> str:
        port = self._random.choice(PORTS)
        seconds = self._random.choice((1.0, 30.0, 200.0))
        self._node.faults.take_down(port, seconds)
        return f"{port} is down for {seconds} s"

    async def _override(self) -> str:
        ref = named(self._random.choice(THINGS))
        self._overrides += 1
        now = self._node.clock.now()
        until = (
            None
            if self._random.random() < 0.3
            else now + timedelta(seconds=self._random.choice((5, 60, 900)))
        )
        patch = self._random.choice(({"value": 5}, {"suspend": True}))
        override = Override(f"o{self._overrides}", ref, patch, "alice", "because", now, until)
        return f"override {override}: {await self._node.override(override)}"

    async def _end_override(self) -> str:
        ref = named(self._random.choice(THINGS))
        return f"end the override of {ref}: {await self._node.end_override(ref)}"

    async def _request(self) -> str:
        ref = named(self._random.choice(THINGS))
        self._node.request(ref)
        return f"somebody asks for {ref}"

    async def _rotate(self) -> str:
        self._node.outside.rotate("s", f"v{self._random.randint(1, 9)}")
        return f"the secret is rotated to {self._node.outside.secrets['s']}"

    async def _jump(self) -> str:
        self._node.clock.offset += timedelta(hours=self._random.choice((-1, 1)))
        return f"the wall clock jumps to {self._node.clock.now()}"

    async def _pause(self) -> str:
        await asyncio.sleep(self._random.choice((1.0, 20.0, 150.0)))
        return "a pause"

    async def _unreadable(self) -> str:
        repo = self._random.choice(list(self._node.committer.repos.values()))
        if repo.name != NODE_SOURCE:
            repo.readable = not repo.readable
        return f"{repo.name} is {'readable' if repo.readable else 'not readable'}"

    async def _lose_store(self) -> str:
        await self._node.crash(lose_store=True)
        return "the store is lost"

    async def _allow(self) -> str:
        name = self._random.choice(tuple(self._node.committer.repos))
        return self._node.committer.commit(name, allow=True)

    async def _move(self) -> str:
        return self._node.committer.move()
