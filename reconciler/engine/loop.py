"""Observe, settle, diff, plan, record, act, judge: one ref at a time, many at once.

Rules: a pass starts from what is wanted and what is seen now, never from what woke it; the plan and
what is to be remembered are durable before the first step; after acting the outcome is read anew; a
pass that finds nothing different writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from reconciler.engine.book import Book, Entry
from reconciler.engine.decide import Decision, Gate, Surroundings, decide
from reconciler.engine.judge import Outcome, judge
from reconciler.engine.preview import Preview, preview
from reconciler.engine.queue import Priority, Queue
from reconciler.engine.told import described, told
from reconciler.engine.wishes import (
    DISABLED,
    PRUNE_DISABLED,
    Wishes,
    check_override,
    gone,
    merge,
    weigh,
    written,
)
from reconciler.engine.world import World
from reconciler.errors import Failed, NotFound, Problem
from reconciler.model import (
    EMPTY,
    Case,
    DeletionPolicy,
    Event,
    Override,
    Owner,
    Ref,
    Resource,
    Seen,
    Snapshot,
    Status,
    Verdict,
)
from reconciler.ports import (
    Drop,
    EndOverride,
    Judged,
    Kept,
    Note,
    Planned,
    Remembered,
    Saved,
    Submission,
    Wake,
    Write,
)

SYNCHRONOUS_PASSES = 8  # passes that a worker makes before it lets others have the loop


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard the engine works."""

    workers: int = 32
    resync_s: float = 60.0


class Engine:
    def __init__(self, world: World, pace: Pace = Pace(), *, living: bool = True) -> None:
        self._world = world
        self._pace = pace
        self._living = living
        self._queue = Queue(world.random)
        self._book = Book(world.kinds, Saved())
        self._snapshots: dict[str, Snapshot] = {}
        self._overrides: dict[str, Override] = {}
        self._wishes = Wishes(EMPTY)
        self._rebuilt = False
        self._idle: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._submitting = asyncio.Lock()
        self.last_pass: float | None = None

    @property
    def book(self) -> Book:
        return self._book

    @property
    def wishes(self) -> Wishes:
        return self._wishes

    @property
    def overrides(self) -> tuple[Override, ...]:
        return tuple(self._overrides.values())

    @property
    def idle(self) -> bool:
        """Nothing is being worked on, and nothing is due."""
        due = self._queue.next_due()
        return not self._queue.busy and (due is None or due > self._world.clock.monotonic())

    # ------------------------------------------------------------------------------------ what is wanted

    async def start(self) -> None:
        saved = await self._world.store.load()
        self._book = Book(self._world.kinds, saved)
        self._overrides = {o.id: o for o in saved.overrides}
        self._rebuilt = bool(saved.notes.get("rebuilt"))
        if self._rebuilt:
            await self._recall()
        for name, kind in self._world.kinds.items():
            kind.watch(self._world.uses[name], self._waker(name))

    async def _recall(self) -> None:
        """After the store was lost: write down again what bears our mark."""
        found: list[Write] = []
        for name, kind in self._world.kinds.items():
            owned = await kind.owned(self._world.uses[name])
            found.extend(
                Kept(ref, EMPTY, "", 1, source="", revision="") for ref in owned if ref not in self._book
            )
        if found:
            await self._world.store.commit(*found)
            self._book = Book(self._world.kinds, await self._world.store.load())

    async def submit(self, snapshot: Snapshot) -> Submission:
        """Take what a source declares now, unless it would take away more than it may."""
        async with self._submitting:
            candidate = {**self._snapshots, snapshot.source: snapshot}
            wishes = self._merge(candidate)
            inventory = self._book.inventory
            removes = gone(inventory, wishes, candidate)
            answer = weigh(inventory, removes, allowed=snapshot.allow_prune, rebuilt=self._rebuilt)
            if not answer.accepted:
                return answer
            await self._doom(removes)
            if snapshot.allow_prune and self._rebuilt:
                self._rebuilt = False
                await self._world.store.commit(Note("rebuilt", None))
            self._snapshots = candidate
            self._adopt(wishes)
            return replace(answer, clashes=tuple(str(clash) for clash in wishes.clashes))

    async def preview(self, snapshot: Snapshot, about: Collection[Ref]) -> Preview:
        """What would change if its source declared this; `about` names the refs that were asked for."""
        candidate = {**self._snapshots, snapshot.source: snapshot}
        wishes = self._merge(candidate)
        inventory = self._book.inventory
        removes = gone(inventory, wishes, candidate)
        answer = weigh(inventory, removes, allowed=snapshot.allow_prune, rebuilt=self._rebuilt)
        answer = replace(answer, clashes=tuple(str(clash) for clash in wishes.clashes))
        book = self._book.as_if(wishes.wants)
        asked = [*(ref for ref in about if ref in book), *removes]
        whole = {part: None for ref in asked for part in (ref, *book.parts(ref))}
        return await preview(self._world, book, answer, tuple(whole), living=self._living)

    async def forget_source(self, name: str) -> None:
        """A source is gone: its snapshot counts no more."""
        async with self._submitting:
            self._snapshots.pop(name, None)
            self._adopt(self._merge(self._snapshots))

    async def override(self, override: Override) -> None:
        entry = self._book.get(override.ref)
        if entry is None or entry.want is None:
            raise NotFound(f"{override.ref} is not declared", remedy="`holdfast get` lists what is")
        check_override(override, entry.want, self._world.kinds)
        ended = [o.id for o in self._overrides.values() if o.ref == override.ref]
        await self._world.store.commit(
            *(EndOverride(one) for one in ended),
            override,
            Event(
                "override.set",
                self._world.clock.now(),
                override.ref,
                {"patch": dict(override.patch), "reason": override.reason},
                actor=override.author,
            ),
        )
        for gone_by in ended:
            del self._overrides[gone_by]
        self._overrides[override.id] = override
        self._adopt(self._merge(self._snapshots))

    async def end_override(self, ref: Ref, actor: str) -> None:
        ended = [o.id for o in self._overrides.values() if o.ref == ref]
        if not ended:
            raise NotFound(f"{ref} has no override", remedy="`holdfast describe` shows what is in force")
        event = Event("override.ended", self._world.clock.now(), ref, actor=actor)
        await self._world.store.commit(*(EndOverride(one) for one in ended), event)
        for gone_by in ended:
            del self._overrides[gone_by]
        self._adopt(self._merge(self._snapshots))

    def _merge(self, snapshots: Mapping[str, Snapshot]) -> Wishes:
        world = self._world
        return merge(snapshots, self.overrides, world.kinds, world.clock.now(), self._in_force)

    def _in_force(self, ref: Ref) -> str | None:
        entry = self._book.get(ref)
        return entry.kept.source if entry is not None and entry.kept is not None else None

    async def _doom(self, removes: Iterable[Ref]) -> None:
        """Make the decision to remove durable, so that no restart asks for it again."""
        doomed = [replace(self._book.inventory[ref], doomed=True) for ref in removes]
        if doomed:
            await self._world.store.commit(*doomed)
            for kept in doomed:
                self._book[kept.ref].kept = kept

    def _adopt(self, wishes: Wishes) -> None:
        self._wishes = wishes
        now = self._world.clock.monotonic()
        for ref in self._book.wish(wishes.wants):
            self._queue.forgive(ref)
            self._queue.add(ref, Priority.CHANGED, now)
            for reader in self._book.readers(ref):
                self._queue.add(reader, Priority.CHANGED, now)
        for entry in self._book:
            if entry.want is None and entry.kept is not None and entry.kept.doomed:
                self._queue.add(entry.ref, Priority.CHANGED, now)
        self._wake_at_ends()
        self._kick()

    def _wake_at_ends(self) -> None:
        """An override that ends changes the wish without anybody saying so."""
        now = self._world.clock.now()
        ends = [o.until for o in self._overrides.values() if o.until is not None and o.in_force(now)]
        if ends:
            delay = max(0.0, (min(ends) - now).total_seconds()) + 0.001
            asyncio.get_running_loop().call_later(delay, lambda: self._adopt(self._merge(self._snapshots)))

    # ------------------------------------------------------------------------------------- what is due

    def wake(self, ref: Ref) -> None:
        """Look at it soon; what fails goes on waiting, since its own acts are news too."""
        if ref in self._book and not self._queue.failures(ref):
            self._queue.add(ref, Priority.CHANGED, self._world.clock.monotonic())
            self._kick()

    def request(self, ref: Ref) -> None:
        """A person asks: look now, and begin the tries anew."""
        self._queue.forgive(ref)
        self.wake(ref)

    def _waker(self, kind: str) -> Wake:
        def wake(ref: Ref | None) -> None:
            if ref is not None:
                self.wake(ref)
                return
            for entry in self._book:
                if entry.ref.kind == kind:
                    self.request(entry.ref)

        return wake

    def _kick(self) -> None:
        """Let one idle worker look whether something is due."""
        while self._idle:
            waiting = self._idle.pop()
            if not waiting.done():
                waiting.set_result(None)
                return

    async def _next(self) -> Ref:
        while True:
            ref = self._queue.take(self._world.clock.monotonic())
            if ref is not None:
                self._kick()
                return ref
            waiting = asyncio.get_running_loop().create_future()
            self._idle.append(waiting)
            self._set_timer()
            await waiting

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._queue.next_due()
        if due is not None:
            delay = max(0.0, due - self._world.clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._kick)

    async def run(self) -> None:
        """Converge until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._pace.workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        made = 0
        while True:
            ref = await self._next()
            try:
                await self._pass(ref)
            finally:
                self._queue.done(ref)
            made += 1
            if made % SYNCHRONOUS_PASSES == 0:
                await asyncio.sleep(0)

    # ----------------------------------------------------------------------------------------- one pass

    async def _pass(self, ref: Ref) -> None:
        entry = self._book.get(ref)
        if entry is None:
            return
        want = self._book.resource(ref)
        if want.spec is None and (entry.kept is None or not entry.kept.doomed or _released(want)):
            await self._let_go(entry, want)
            return
        outcome, seen, acted = await self._try(entry, want)
        if outcome.error is None and want.spec is None and _is_gone(seen):
            await self._forget(entry, "reconcile.removed")
            return
        await self._conclude(entry, want, outcome, seen)
        self._again(entry, outcome, acted=acted)

    async def _try(self, entry: Entry, want: Resource[Any]) -> tuple[Outcome, Seen[Any] | None, bool]:
        kind, uses = self._world.kinds[want.ref.kind], self._world.uses[want.ref.kind]
        seen, acted = entry.seen, False
        decision = Decision()
        try:
            seen = await kind.observe(want, entry.memory, uses, fresh=False)
            decision, verdict = self._decide(entry, want, seen)
            if decision.plan.steps:
                await self._record(entry, want, decision)
                for step in decision.plan.steps:
                    await kind.act(want.ref, step, uses)
                acted = True
                before = decision
                seen = await kind.observe(want, entry.memory, uses, fresh=True)
                decision, verdict = self._decide(entry, want, seen)
                if decision.changes and decision.changes == before.changes:
                    raise Failed(f"{want.ref}: acting did not change what is there")
        except Exception as error:  # noqa: BLE001 - one ref's crash must not end the others'
            failures = self._queue.failures(want.ref) + 1
            return Outcome(decision, Verdict(ready=False), error, failures), seen, acted
        return Outcome(decision, verdict), seen, acted

    def _decide(self, entry: Entry, want: Resource[Any], seen: Seen[Any]) -> tuple[Decision, Verdict]:
        kind = self._world.kinds[want.ref.kind]
        case = Case(want, seen, self._book.look(want), entry.memory)
        around = Surroundings(
            cycle=self._book.knot(want.ref),
            dependents=self._book.dependents(want.ref) if want.spec is None else (),
            living=self._living,
        )
        decision = decide(kind, case, around)
        settled = want.spec is not None and not decision.changes
        return decision, kind.verdict(case) if settled else Verdict(ready=False)

    async def _record(self, entry: Entry, want: Resource[Any], decision: Decision) -> None:
        """Before the first step: the wish, the plan, and what the steps ask to be remembered."""
        writes: list[Write] = []
        kept = self._kept(entry, want)
        if kept is not None:
            writes.append(kept)
        memory = dict(entry.memory)
        for step in decision.plan.steps:
            memory.update(step.remember)
        memory = {key: value for key, value in memory.items() if value is not None}
        if memory != entry.memory:
            writes.append(Remembered(want.ref, memory))
        now = self._world.clock.now()
        changes = [described(change) for change in decision.changes]
        steps = [told(step) for step in decision.plan.steps]
        writes.append(Planned(want.ref, now, entry.generation, changes, steps))
        writes.append(Event("reconcile.applied", now, want.ref, {"steps": [step["step"] for step in steps]}))
        await self._world.store.commit(*writes)
        entry.memory = memory
        entry.kept = kept or entry.kept

    def _kept(self, entry: Entry, want: Resource[Any]) -> Kept | None:
        """The inventory row, when the one that is stored does not say the same."""
        if want.spec is None:
            return None
        row, origin = entry.kept, want.origin
        if row is not None and row.digest == entry.digest and row.source == origin.source and not row.doomed:
            return None
        return Kept(
            want.ref,
            written(want.spec),
            entry.digest,
            entry.generation,
            origin.source,
            origin.revision,
            want.labels,
            want.annotations,
            want.needs,
            want.parent,
        )

    async def _conclude(
        self, entry: Entry, want: Resource[Any], outcome: Outcome, seen: Seen[Any] | None
    ) -> None:
        writes: list[Write] = []
        generation = entry.generation
        kept = self._kept(entry, want) if outcome.decision.gate is not Gate.FOREIGN else None
        if kept is not None:
            writes.append(kept)
        now = self._world.clock.now()
        revision = want.origin.revision if kept is not None or entry.kept is None else entry.kept.revision
        status = judge(outcome, entry.status, generation, revision, now)
        if status != entry.status:
            writes.append(Judged(want.ref, status))
            writes.extend(self._news(entry, status, outcome))
        if writes:
            await self._world.store.commit(*writes)
        entry.kept = kept or entry.kept
        moved = _moved(entry, status, seen)
        entry.status, entry.seen = status, seen
        entry.passed = self.last_pass = self._world.clock.monotonic()
        if moved:
            for reader in self._book.readers(want.ref):
                self.wake(reader)

    def _news(self, entry: Entry, status: Status, outcome: Outcome) -> Iterable[Event]:
        now = self._world.clock.now()
        before = entry.status
        if status.error and (before is None or before.error != status.error):
            yield Event("reconcile.failed", now, entry.ref, {"error": status.error})
        if status.ready and (before is None or not before.ready):
            yield Event("resource.ready", now, entry.ref)
        if status.stalled and (before is None or not before.stalled):
            yield Event("resource.stalled", now, entry.ref, {"reason": status.conditions[0].reason})

    def _again(self, entry: Entry, outcome: Outcome, *, acted: bool) -> None:
        """When to look at it next, whatever happens."""
        now = self._world.clock.monotonic()
        ref = entry.ref
        due = now + self._pace.resync_s * self._world.random.uniform(0.75, 1.25)
        priority = Priority.RESYNC
        if outcome.error is not None:
            delay = self._queue.failed(ref)
            if not isinstance(outcome.error, Problem) or outcome.error.retriable:
                due, priority = now + delay, Priority.RETRY
        else:
            self._queue.forgive(ref)
            if acted and outcome.decision.changes and outcome.decision.gate is Gate.OPEN:
                due, priority = now, Priority.CHANGED
            elif outcome.decision.plan.again is not None:
                due = min(due, now + outcome.decision.plan.again / timedelta(seconds=1))
                priority = Priority.CHANGED
        self._queue.add(ref, priority, due)

    async def _let_go(self, entry: Entry, want: Resource[Any]) -> None:
        """It was never made, or it is to be left as it is: only our record of it ends."""
        if entry.kept is not None and not entry.kept.doomed:
            return  # its source was not read yet, or is broken: nothing is decided
        await self._forget(entry, "reconcile.released")

    async def _forget(self, entry: Entry, event: str) -> None:
        if entry.kept is not None:
            await self._world.store.commit(Drop(entry.ref), Event(event, self._world.clock.now(), entry.ref))
        around = {*self._book.readers(entry.ref), *(entry.kept.needs if entry.kept is not None else ())}
        if entry.kept is not None and entry.kept.parent is not None:
            around.add(entry.kept.parent)
        if entry.want is None:
            self._book.drop(entry.ref)
            self._queue.forget(entry.ref)
        else:  # it is wanted again: begin as if it had never been
            entry.kept, entry.memory, entry.status, entry.seen = None, EMPTY, None, None
            self._queue.add(entry.ref, Priority.CHANGED, self._world.clock.monotonic())
        for ref in around:
            self.wake(ref)


def _released(want: Resource[Any]) -> bool:
    policy = want.last.deletion_policy if want.last is not None else DeletionPolicy.DELETE
    return policy is DeletionPolicy.ORPHAN or want.annotations.get(PRUNE_DISABLED) == DISABLED


def _is_gone(seen: Seen[Any] | None) -> bool:
    return seen is not None and (seen.actual is None or seen.owner is Owner.FOREIGN)


def _moved(entry: Entry, status: Status, seen: Seen[Any] | None) -> bool:
    """Would somebody who looks at it see something else? Facts do not count: they move all the time."""
    before, was = entry.status, entry.seen
    if before is None or was is None or seen is None:
        return True
    return (
        (before.ready, before.reached) != (status.ready, status.reached)
        or was.actual != seen.actual
        or was.inputs != seen.inputs
    )
