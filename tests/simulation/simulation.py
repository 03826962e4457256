"""One seed from its first deed to its rest: history, then calm, then reality must be what was wanted.

Rules: a failing seed says which, why, and the command that replays it. The diary of a seed is the same
each time, on any machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from reconciler.engine.loop import Engine
from reconciler.model import Ref
from tests.simulation.fate import Fate
from tests.simulation.node import MakeEngine, Node
from tests.simulation.oracle import (
    Wants,
    as_wanted,
    followed_by,
    in_doubt,
    in_knots,
    is_off,
    needs_of,
    sources_in,
    unmanaged,
)
from tests.simulation.virtual_time import simulate
from tests.simulation.witness import Violation

DEEDS = 30
PATIENCE_S = 3000.0  # twice the longest backoff, and some rounds
ROUND_S = 90.0  # longer than the longest resync


@dataclass(frozen=True, slots=True)
class Diary:
    lines: tuple[str, ...]

    @property
    def digest(self) -> str:
        return sha256("\n".join(self.lines).encode()).hexdigest()


class Simulation:
    def __init__(self, seed: int, make_engine: MakeEngine = Engine) -> None:
        self._seed = seed
        random = Random(seed)
        self.node = self._node(random, make_engine)
        self._fate = self._deals(Random(random.random()))
        self._random = random

    def _node(self, random: Random, make_engine: MakeEngine) -> Node:
        return Node(random, make_engine)

    def _deals(self, random: Random) -> Fate:
        return Fate(random, self.node)

    def run(self) -> Diary:
        simulate(self._live, self._seed)
        return Diary(tuple(self.node.witness.log))

    async def _live(self) -> None:
        await self.node.start()
        try:
            for _ in range(self._random.randint(DEEDS // 2, DEEDS)):
                await asyncio.sleep(self._random.choice((0.0, 0.05, 1.0, 10.0)))
                self._alive()
                await self._fate.deal()
            await self._rest()
        finally:
            life, self.node.life = self.node.life, None
            if life is not None:
                await life.end()

    def _alive(self) -> None:
        if self.node.witness.violation is not None:
            raise self.node.witness.violation
        assert self.node.life is not None
        self.node.life.check()

    async def _rest(self) -> None:
        """Faults cease: what is wanted comes about, and then nothing is written any more."""
        node = self.node
        node.faults.cease()
        for repo in node.committer.repos.values():
            repo.readable = True
        quiet, waited = 0, 0.0
        while quiet < 2:
            before = node.witness.commits
            await asyncio.sleep(ROUND_S)
            waited += ROUND_S
            self._alive()
            missing = list(self.missing())
            quiet = quiet + 1 if not missing and node.witness.commits == before else 0
            if waited > PATIENCE_S:
                wrong = missing or ["something is written at each round: " + node.witness.log[-1]]
                raise Violation(f"after {PATIENCE_S:.0f} s of calm: " + "; ".join(wrong))

    def missing(self) -> Iterator[str]:
        """What is not as it should be."""
        node = self.node
        wants = node.wants()
        lost = self._lost(wants)
        fine = self._fine(wants, lost)
        bodies, statuses = node.outside.bodies, node.witness.statuses
        for ref, options in wants.items():
            if ref in lost:
                continue
            status = statuses.get(ref)
            if status is None:
                yield f"{ref} has no status"
                continue
            if (row := node.witness.rows.get(ref)) is not None and row.doomed:
                yield f"{ref} is wanted, and still doomed"
            if ref.kind not in {"Thing", "Plain"}:
                continue
            same = any(as_wanted(bodies.get(ref), want, bodies, node.outside.secrets) for want in options)
            if ref in fine and not (same and status.ready):
                yield f"{ref} is {bodies.get(ref)}, wanted {options[0].spec}, {status.conditions}"
            if ref not in fine and not same and status.ready:
                yield f"{ref} is said to be ready and is {bodies.get(ref)}, not {options[0].spec}"
        yield from self._leftovers(wants)

    def _lost(self, wants: Wants) -> frozenset[Ref]:
        """What nobody can say for certain."""
        accepted, rows = self.node.accepted, self.node.witness.rows
        resumed = {  # it had gone with its source, which is back, and cannot be read whole
            ref
            for ref, row in rows.items()
            if row.source in accepted.stale and ref not in accepted.declared[row.source]
        }
        return unmanaged(accepted) | in_doubt(wants) | resumed

    def _fine(self, wants: Wants, lost: frozenset[Ref]) -> set[Ref]:
        """What nothing stands in the way of."""
        knotted = in_knots(wants)
        fine = {
            ref
            for ref, options in wants.items()
            if ref not in lost
            and ref not in knotted
            and not any(is_off(want) for want in options)
            and not self._foreign(ref, adopted=all(want.wish.adopt for want in options))
        }
        while True:
            stuck = {
                ref for ref in fine for want in wants[ref] if not needs_of(want) | followed_by(want) <= fine
            }
            if not stuck:
                return fine
            fine -= stuck

    def _foreign(self, ref: Ref, *, adopted: bool) -> bool:
        body = self.node.outside.bodies.get(ref)
        if body is None or adopted:
            return False
        if ref.kind == "Thing":
            return not body.mark
        return self.node.witness.memory.get(ref, {}).get("token") != body.token

    def _leftovers(self, wants: Wants) -> Iterator[str]:
        """What nobody wants any more is gone, unless something speaks against it."""
        witness, accepted, reached = self.node.witness, self.node.accepted, sources_in(wants)
        needed = {need for ref in (*wants, *witness.rows) for need in self._needs(ref, wants)}
        for ref, row in witness.rows.items():
            if ref in wants or ref in needed or row.annotations.get("holdfast.dev/reconcile") == "disabled":
                continue
            broken = {name for name in reached & accepted.last.keys() if accepted.last[name].problems}
            kept = broken and not row.source and not row.doomed
            if witness.notes.get("rebuilt") or row.source in broken or kept:
                continue
            yield f"{ref} is wanted no more, and still in the inventory: {row}"
        for ref, body in self.node.outside.bodies.items():
            ours = body.mark or witness.memory.get(ref, {}).get("token") == body.token
            if ours and ref not in witness.rows and witness.released.get(ref) != body.uid:
                yield f"{ref} was made and is lost: {body}"

    def _needs(self, ref: Ref, wants: Wants) -> set[Ref]:
        """As it is wanted, and as it was."""
        needs = set[Ref]().union(*(needs_of(want) for want in wants.get(ref, ())))
        row = self.node.witness.rows.get(ref)
        if row is not None:
            needs |= {*row.needs, *([row.parent] if row.parent is not None else [])}
        return needs
