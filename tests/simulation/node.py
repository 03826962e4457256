"""One simulated node: a process that lives, crashes and starts again, and all that outlives it.

Rules: the engine, its feeds and its door to the store die together; the store, the repositories, the
outside and the witness go on. What a submission was answered is what the oracle believes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf
from random import Random
from typing import ClassVar

from reconciler.engine.loop import Engine, Pace
from reconciler.engine.withdrawals import PATIENCE_S
from reconciler.engine.world import World
from reconciler.errors import NotFound, Problem, Unavailable
from reconciler.model import NODE_SOURCE, Override, Ref, Snapshot
from reconciler.ports.kinds import Kinds
from reconciler.ports.sources import Submission
from reconciler.ports.store import Kept, Note
from reconciler.store.memory import MemoryStore
from tests.simulation.committer import Committer
from tests.simulation.durable import Door
from tests.simulation.faults import Faults
from tests.simulation.feed import FeedUses
from tests.simulation.kinds import KINDS
from tests.simulation.oracle import Accepted, Wants, sources_in, sure, unmanaged, wanted
from tests.simulation.outside import Outside
from tests.simulation.thing import Uses
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.witness import Witness

MakeEngine = Callable[[World, Pace], Engine]
PACE = Pace(workers=4, resync_s=60.0)
POLL_S = 20.0


class Node:
    kinds: ClassVar[Kinds] = KINDS

    def __init__(self, random: Random, make_engine: MakeEngine = Engine) -> None:
        self._random = random
        self._make_engine = make_engine
        self.clock = VirtualClock()
        self.accepted = Accepted()
        self.overrides: dict[Ref, Override] = {}
        self.witness = Witness(self)
        self.faults = Faults(Random(random.random()))
        self.outside = Outside(Random(random.random()), self.witness)
        self.witness.bodies = self.outside.bodies
        self.committer = self._committer(Random(random.random()))
        self.store = MemoryStore()
        self.life: Life | None = None
        self._withdrawn: dict[Ref, tuple[float, frozenset[str]]] = {}  # when, and who else may have it
        self._looks: dict[str, float] = {}  # when the last one that has ended began
        self._unanswered: list[Snapshot] = []  # whose decision may have been stored all the same

    def _committer(self, random: Random) -> Committer:
        return Committer(random)

    @property
    def uses(self) -> Mapping[str, object]:
        """What kinds use that are not the simulation's own."""
        return {}

    def now(self) -> datetime:
        return self.clock.now()

    def wants(self) -> Wants:
        return self.wants_by(self.accepted)

    def wants_by(self, accepted: Accepted) -> Wants:
        return wanted(accepted, self._in_force(), self.clock.now())

    def protected(self) -> frozenset[Ref]:
        """What a broken document declares is safe as long as no other source has taken it over."""
        clear = sure(self.wants_by(self.accepted.clear()))
        rows, stale = self.witness.rows, self.accepted.stale
        mute = {ref.name for refs in stale.values() for ref in refs if ref.kind == "Source"} | stale.keys()
        of = self.witness.doomed_of  # a tombstone may say that it is nobody's
        whose = {ref: row.source or (of.get(ref, "") if row.doomed else "") for ref, row in rows.items()}
        return clear | {ref for ref in unmanaged(self.accepted) if whose.get(ref) in mute}

    def wanted_aloud(self) -> frozenset[Ref]:
        return sure(self._wants_aloud())

    def _wants_aloud(self) -> Wants:
        return self.wants_by(self.accepted.only(self.read()).clear())

    def voices(self) -> frozenset[tuple[str, Ref]]:
        clear = self.accepted.clear()
        counting = sources_in(self.wants_by(clear)) - self.let_go(self.accepted, self.read())
        return frozenset((source, ref) for source in counting for ref in clear.declared.get(source, {}))

    def let_go(self, accepted: Accepted, speaking: frozenset[str]) -> frozenset[str]:
        """Sources that are named no more by who named them last, as it stands in the store.

        Another one may name them that has yet to be read in this life, which nobody can know.
        """
        named = sources_in(self.wants_by(accepted.only(speaking)))
        rows = {ref.name: row for ref, row in self.witness.rows.items() if ref.kind == "Source"}
        gone = (name for name, row in rows.items() if row.source in speaking or _is_over(row))
        return frozenset(gone) - named

    def read(self) -> frozenset[str]:
        engine = self.life.engine if self.life is not None else None
        names = self.committer.repos
        return frozenset(n for n in names if engine is not None and engine.snapshot(n) is not None)

    def reached(self) -> frozenset[str]:
        return sources_in(self.wants())

    def unread(self) -> frozenset[str]:
        return sources_in(self._wants_aloud()) - self.read()

    def unasked(self, ref: Ref) -> frozenset[str]:
        withdrawn, others = self._withdrawn.get(ref, (-inf, frozenset[str]()))
        if _now() >= withdrawn + PATIENCE_S:
            return frozenset()
        counting = others & self.reached() & self.read()  # who is named only later was none to wait for
        return frozenset(name for name in counting if self._looks.get(name, -inf) < withdrawn)

    def _in_force(self) -> list[Override]:
        return [one for one in self.overrides.values() if one.id not in self.witness.ended]

    # ------------------------------------------------------------------------------------------- its life

    async def start(self) -> None:
        self.outside.restarted()
        self.life = Life(self, self._make_engine)
        await self.life.begin()

    async def crash(self, *, lose_store: bool = False) -> None:
        """All that was in memory is gone, whatever was under way is not finished."""
        if self.life is not None:
            await self.life.end()
        if not lose_store:
            self._believe_the_store()
        self._unanswered.clear()
        for name in self.accepted.declared.keys() - self.reached():
            self.accepted.forget(name)
        self.witness.crashed()
        self.witness.heard()
        if lose_store:
            self.store = MemoryStore()
            await self.store.commit(Note("rebuilt", True))
            self.witness.store_lost()
            self.witness.notes["rebuilt"] = True
            self.overrides.clear()
        await self.start()

    def _believe_the_store(self) -> None:
        """The next process goes by what is stored, and it shows there what was decided to be over."""
        for snapshot in self._unanswered:
            before, after = self.wants(), self.wants_by(self.accepted.with_(snapshot))
            over = {ref for ref, row in self.witness.rows.items() if _is_over(row)}
            if over & before.keys() - after.keys():
                self.accepted.believe(snapshot)

    # ------------------------------------------------------------------------------------------- people

    async def override(self, override: Override) -> str:
        """Somebody who is not answered asks again."""
        while True:
            try:
                await self._running().override(override)
            except NotFound:
                return "not declared"
            except (Problem, OSError, RuntimeError):
                await asyncio.sleep(1.0)
            else:
                self.overrides[override.ref] = override
                return "taken"

    async def end_override(self, ref: Ref) -> str:
        while True:
            try:
                await self._running().end_override(ref, "bob")
            except NotFound:
                break
            except (Problem, OSError, RuntimeError):
                await asyncio.sleep(1.0)
        self.overrides.pop(ref, None)
        return "ended"

    def _running(self) -> Engine:
        if self.life is None or self.life.engine is None:
            raise Unavailable("the node is not up")
        return self.life.engine

    def request(self, ref: Ref) -> None:
        if self.life is not None and self.life.engine is not None:
            self.life.engine.request(ref)

    # ------------------------------------------------------------------------------------- what it hears

    def submitting(self, snapshot: Snapshot) -> Candidate:
        candidate = Candidate(self, snapshot)
        self.witness.submitting.append(candidate)
        return candidate

    def submitted(self, snapshot: Snapshot, answer: Submission, *, read_before: bool) -> None:
        self.witness.note(f"submitted {snapshot.revision}: {answer}")
        if answer.accepted:
            self.accepted.take(snapshot, read_before=read_before)
            self._unanswered = [one for one in self._unanswered if one.source != snapshot.source]
            others = self.reached() - {NODE_SOURCE, snapshot.source}
            self._withdrawn |= dict.fromkeys(answer.removes, (_now(), others))
            self.witness.heard()

    def unanswered(self, snapshot: Snapshot) -> None:
        self._unanswered.append(snapshot)

    def looked(self, source: str, began: float) -> None:
        """At all that its repository holds."""
        self._looks[source] = began

    def removed(self, source: str) -> None:
        """Nobody follows it any more."""
        if source not in self.reached():
            self.accepted.forget(source)


def _is_over(row: Kept) -> bool:
    """It is to go, or stays and is nobody's: not what was found after a loss, which nobody's word was for."""
    return row.doomed or (not row.source and row.revision != "")


@dataclass(frozen=True)
class Candidate:
    """What a submission would bring, at the moment when somebody asks."""

    node: Node
    snapshot: Snapshot

    @property
    def source(self) -> str:
        return self.snapshot.source

    @property
    def allowed(self) -> bool:
        return self.snapshot.allow_prune

    def reached(self) -> frozenset[str]:
        accepted = self.node.accepted.with_(self.snapshot)
        let_go = self.node.let_go(accepted, self.node.read() | {self.source})
        return sources_in(self.node.wants_by(accepted)) - let_go

    def wanted(self) -> frozenset[Ref]:
        read = self.node.accepted.only(self.node.read()).with_(self.snapshot)
        return sure(self.node.wants_by(read.clear()))


class Life:
    """One process, from its start to its end."""

    def __init__(self, node: Node, make_engine: MakeEngine) -> None:
        self._node = node
        self._make_engine = make_engine
        self._feeds: dict[str, asyncio.Task[None]] = {}
        self._repos: dict[str, str] = {}
        self._asked: dict[str, asyncio.Event] = {}  # to look before the time has come
        self._tasks: list[asyncio.Task[None]] = []
        self.engine: Engine | None = None

    async def begin(self) -> None:
        self._tasks.append(asyncio.create_task(self._run()))

    async def end(self) -> None:
        """A worker may configure a feed in its last moments: it goes as well."""
        while tasks := [*self._tasks, *self._feeds.values()]:
            self._tasks.clear()
            self._feeds.clear()
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    def check(self) -> None:
        """Nothing but a crash ends a process."""
        for task in (*self._tasks, *self._feeds.values()):
            if task.done() and not task.cancelled():
                task.result()
                raise AssertionError("the engine has come to an end by itself")

    async def _run(self) -> None:
        node = self._node
        store = Door(node.store, node.faults, node.witness)
        uses = Uses(node.outside, node.faults, node.clock, node.witness)
        world = World(
            node.kinds,
            {
                "Thing": uses,
                "Plain": uses,
                "Crowd": uses,
                "Source": FeedUses(self, node.faults, node.clock, node.witness),
                **node.uses,
            },
            store,  # type: ignore[arg-type]  # the engine commits and loads, and reads nothing else
            node.clock,
            Random(node._random.random()),
        )
        while True:
            engine = self._make_engine(world, PACE)
            try:
                await engine.start()
                engine.ask_others(self._ask_others)
                break
            except (Problem, OSError, RuntimeError):
                await asyncio.sleep(1.0)
        self.engine = engine
        await self.configure(NODE_SOURCE, NODE_SOURCE)
        await engine.run()

    # ------------------------------------------------------------------------------------------ its feeds

    def configured(self) -> Mapping[str, str]:
        return self._repos

    async def configure(self, name: str, repo: str) -> None:
        if self._repos.get(name) != repo:
            await self.remove(name)
            self._repos[name] = repo
            self._asked[name] = asyncio.Event()
            self._feeds[name] = asyncio.create_task(self._feed(name))

    async def remove(self, name: str) -> None:
        self._repos.pop(name, None)
        task = self._feeds.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert self.engine is not None
            await self.engine.forget_source(name)
            self._node.removed(name)

    def _ask_others(self, source: str) -> None:
        for name, asked in self._asked.items():
            if name != source:
                asked.set()

    async def _feed(self, name: str) -> None:
        """Fetch, submit, wait for the next revision; a fault is a reason to try again."""
        node, engine = self._node, self.engine
        assert engine is not None
        repo, last, asked = node.committer.repos[name], -1, self._asked[name]
        while True:
            asked.clear()
            moment, began = engine.moment, _now()
            if repo.readable and repo.revision != last:
                snapshot = repo.snapshot()
                answer = await self._submit(engine, snapshot)
                if answer is not None:
                    last = int(snapshot.revision.rpartition("@")[2])
                restored = node.accepted.last.get(name)
                if answer is not None and not answer.accepted and restored and engine.snapshot(name) is None:
                    while await self._submit(engine, restored) is None:  # noqa: ASYNC110 - time is virtual
                        await asyncio.sleep(1.0)
            if repo.readable and repo.revision == last:
                node.looked(name, began)
                engine.looked(name, moment)
            pause = node._random.uniform(0.5, 1.0) * (POLL_S if repo.revision == last else 2.0)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await asked.wait()

    async def _submit(self, engine: Engine, snapshot: Snapshot) -> Submission | None:
        node, known = self._node, engine.snapshot(snapshot.source) is not None
        submission, answer = node.submitting(snapshot), None
        try:
            answer = await engine.submit(snapshot)
        except (Problem, OSError, RuntimeError) as error:
            node.witness.note(f"submission of {snapshot.revision} failed: {error!r}")
            return None
        finally:
            if answer is None:
                node.unanswered(snapshot)
            if submission in node.witness.submitting:
                node.witness.submitting.remove(submission)
        node.submitted(snapshot, answer, read_before=known)
        return answer


def _now() -> float:
    return asyncio.get_running_loop().time()
