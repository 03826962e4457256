"""One pass over one ref: observe, settle, diff, plan, record, act, judge.

Rules: a pass starts from what is wanted and what is seen now, never from what woke it; the plan and
what is to be remembered are durable before the first step; after acting the outcome is read anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from reconciler.engine.book import Book
from reconciler.engine.decide import Decision, Gate, Surroundings, decide
from reconciler.engine.entry import Entry
from reconciler.engine.holding import awaited, keepers
from reconciler.engine.judge import Outcome
from reconciler.engine.ledger import Ledger, Visit
from reconciler.engine.turns import PATIENCE_S, Turn
from reconciler.engine.wishes import DISABLED, NOBODY, PRUNE_DISABLED
from reconciler.engine.world import World
from reconciler.errors import Failed
from reconciler.model import Case, DeletionPolicy, Owner, Ref, Resource, Seen, Status, Verdict
from reconciler.ports.kind import Telling
from reconciler.ports.store import Kept
from reconciler.records import dataclass

WITHDRAWN, RELEASED, REMOVED = "reconcile.withdrawn", "reconcile.released", "reconcile.removed"
FAREWELLS = frozenset({WITHDRAWN, RELEASED, REMOVED})
"""The last event of a resource."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What a pass came to, for those who decide what comes next."""

    error: Exception | None = None
    acted: bool = False
    unfinished: bool = False  # something was done, and something is left to do
    again_s: float | None = None
    news: tuple[Ref, ...] = ()  # whose pure functions may come to another end now
    gone: bool = False

    @property
    def outcome(self) -> str:
        """In one word, as the node's figures have it."""
        if self.error is not None:
            return "failed"
        if self.gone:
            return "gone"
        return "acted" if self.acted else "unchanged"


class Passes:
    def __init__(self, world: World, book: Book, ledger: Ledger, *, living: bool) -> None:
        self._world = world
        self._book = book
        self._ledger = ledger
        self._living = living

    async def over(self, entry: Entry, failures: int, unread: Sequence[str]) -> Passed:
        """`unread` names the sources that nobody has read yet: they may want what is to go."""
        entry.under_way = entry.want.origin.source if entry.want is not None else NOBODY
        try:
            return await self._over(entry, failures, unread)
        finally:
            entry.under_way = NOBODY

    async def _over(self, entry: Entry, failures: int, unread: Sequence[str]) -> Passed:
        want = self._book.resource(entry.ref)
        if want.spec is None and not unread:
            if entry.kept is None:
                return await self._farewell(entry, WITHDRAWN)
            if _is_let_go(want):
                await self._kind(want).release(want.ref, self._uses(want))
                return await self._farewell(entry, RELEASED)
        visit = Visit.to(entry, want)
        outcome, seen, acted = await self._try(visit, failures, unread)
        # A whole may have no reality of its own: then its parts are what is left of it.
        left = unread or self._book.parts(want.ref)
        if outcome.error is None and want.spec is None and not left and _is_gone(seen):
            return await self._farewell(entry, REMOVED, outcome.told)
        was, before, row = entry.seen, entry.judged, entry.kept
        await self._ledger.conclude(visit, outcome)
        entry.seen, entry.passed = seen, self._world.clock.monotonic()
        decision = outcome.decision
        again = decision.plan.again
        return Passed(
            error=outcome.error,
            acted=acted,
            unfinished=acted and bool(decision.changes) and decision.gate is Gate.OPEN,
            again_s=None if again is None else again / timedelta(seconds=1),
            news=(
                *(self._book.readers(want.ref) if _moved(before, was, entry.status, seen) else ()),
                *_freed(row, entry.kept),
            ),
        )

    async def glance(self, entry: Entry, stays: str) -> Passed:
        """What is kept without being wanted is left alone; those that look at it have to know how it is.

        `stays` says why; empty: it may be wanted, by a source that nobody can speak for.
        """
        was, before, want = entry.seen, entry.status, self._book.resource(entry.ref)
        if was is not None:  # else nobody believes anything about it
            entry.seen = await self._kind(want).observe(want, entry.memory, self._uses(want), fresh=False)
        if stays:
            await self._ledger.conclude(Visit.to(entry, want), Outcome(Decision(Gate.UNWANTED, stays)))
        moved = _moved(before, was, entry.status, entry.seen)
        return Passed(news=self._book.readers(want.ref) if moved else ())

    async def await_turn(self, entry: Entry, turn: Turn) -> Passed:
        """Another source may have the first word on it: nothing is done, and no word taken down."""
        if turn.silent_s:
            return Passed(again_s=turn.silent_s)
        said = (
            f"another source may declare it as well, and comes first: {', '.join(turn.after)} not read yet; "
            f"waits for that {PATIENCE_S:.0f} s at most"
        )
        want = self._book.resource(entry.ref)
        await self._ledger.conclude(Visit.to(entry, want), Outcome(Decision(Gate.UNREAD, said)))
        return Passed(again_s=turn.left_s)

    def _kind(self, want: Resource[Any]) -> Any:  # noqa: ANN401 - each kind has types of its own
        return self._world.kinds[want.ref.kind]

    def _uses(self, want: Resource[Any]) -> Any:  # noqa: ANN401
        return self._world.uses[want.ref.kind]

    async def _try(
        self, visit: Visit, failures: int, unread: Sequence[str]
    ) -> tuple[Outcome, Seen[Any] | None, bool]:
        entry, want = visit.entry, visit.want
        kind, uses = self._kind(want), self._uses(want)
        seen, acted = entry.seen, False
        decision = Decision()
        told: tuple[Telling, ...] = ()
        try:
            if entry.fault is not None:
                raise entry.fault
            seen = await kind.observe(want, entry.memory, uses, fresh=False)
            if want.spec is None and _is_gone(seen):  # a mirror's word is not enough to forget it
                seen = await kind.observe(want, entry.memory, uses, fresh=True)
            case = self._case(visit, seen)
            told = tuple(kind.tells(case, entry.seen, entry.status))
            decision, verdict = self._decide(case, unread)
            if decision.plan.steps:
                await self._ledger.plan(visit, decision)
                acted = True
                for step in decision.plan.steps:
                    await kind.act(want.ref, step, uses)
                before, was = decision.changes, seen
                seen = await kind.observe(want, entry.memory, uses, fresh=True)
                case = self._case(visit, seen)
                told += tuple(kind.tells(case, was, entry.status))
                decision, verdict = self._decide(case, unread)
                if decision.changes and decision.changes == before:
                    raise Failed(f"{want.ref}: acting did not change what is there")
        except Exception as error:  # noqa: BLE001 - one ref's crash must not end the others'
            return Outcome(decision, Verdict(ready=False), error, failures + 1, told), seen, acted
        return Outcome(decision, verdict, told=told), seen, acted

    def _case(self, visit: Visit, seen: Seen[Any]) -> Case[Any, Any]:
        return Case(visit.want, seen, self._book.look(visit.want), visit.entry.memory)

    def _decide(self, case: Case[Any, Any], unread: Sequence[str]) -> tuple[Decision, Verdict]:
        want = case.want
        kind = self._kind(want)
        around = Surroundings(
            cycle=self._book.knot(want.ref),
            dependents=keepers(self._book, want.ref, case.seen.at) if want.spec is None else (),
            living=self._living,
            unread=unread,
        )
        decision = decide(kind, case, around)
        converged = want.spec is not None and not decision.changes and not decision.unsettled
        return decision, kind.verdict(case) if converged else Verdict(ready=False)

    async def _farewell(self, entry: Entry, event: str, told: Sequence[Telling] = ()) -> Passed:
        row = entry.kept
        readers = self._book.readers(entry.ref)
        around = dict.fromkeys(each for one in readers for each in awaited(self._book, one))
        if row is not None:
            around |= dict.fromkeys([*row.needs, *([row.parent] if row.parent is not None else [])])
        await self._ledger.forget(entry, event, told)
        if entry.want is not None:  # it is wanted again: begin as if it had never been
            return Passed(again_s=0.0, news=tuple(around))
        self._book.drop(entry.ref)
        return Passed(gone=True, news=tuple(around))


def _is_let_go(want: Resource[Any]) -> bool:
    """Nobody wants it any more, and it stays as it is."""
    policy = want.last.deletion_policy if want.last is not None else DeletionPolicy.DELETE
    return policy is DeletionPolicy.ORPHAN or want.annotations.get(PRUNE_DISABLED) == DISABLED


def _freed(before: Kept | None, row: Kept | None) -> tuple[Ref, ...]:
    """What it needed until now, and does not hold any more: that may have waited to go."""
    if before is None or row is None or before is row:
        return ()
    return tuple(need for need in before.needs if need not in row.needs)


def _is_gone(seen: Seen[Any] | None) -> bool:
    return seen is not None and (seen.actual is None or seen.owner is Owner.FOREIGN)


def _moved(
    before: Status | None, was: Seen[Any] | None, status: Status | None, seen: Seen[Any] | None
) -> bool:
    """Would somebody who looks at it see something else? Facts do not count: they move all the time."""
    if before is not status and _word(before) != _word(status):
        return True
    if was is None or seen is None:
        return was is not seen
    return was.actual != seen.actual or (was.inputs is not seen.inputs and was.inputs != seen.inputs)


def _word(status: Status | None) -> tuple[object, ...]:
    """What others repeat of it."""
    if status is None:
        return ()
    return status.reached, tuple((c.type, c.status, c.reason) for c in status.conditions)
