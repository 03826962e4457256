"""What would change if a source declared something else: the same pure middle, nothing acted upon.

Rules: reads only, writes nowhere; a resource that does not exist yet is an addition even where its
wish cannot be settled before others are there; what is named as affected is what needs it. Where a pass
would neither do nor write anything, the preview has been that pass, and its entry may be taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from json import dumps
from typing import Any, NamedTuple

from reconciler.engine.book import Book
from reconciler.engine.decide import Decision, Gate, Surroundings, decide
from reconciler.engine.entry import Entry
from reconciler.engine.graph import dependents, readers
from reconciler.engine.judge import Outcome
from reconciler.engine.ledger import Visit, concluded
from reconciler.engine.told import described
from reconciler.engine.world import World
from reconciler.errors import Place, Problem
from reconciler.model import Case, Change, Owner, Ref, Spec
from reconciler.ports.kind import Kind
from reconciler.ports.sources import Submission
from reconciler.records import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    ref: Ref
    action: str  # add | change | recreate | remove | foreign | none
    changes: tuple[Change, ...] = ()
    reason: str = ""  # why nothing can be done about it now
    place: Place | None = None
    affects: tuple[Ref, ...] = ()
    wish: Spec | None = None  # of what is to be added


class _Same(NamedTuple):
    """One in which nothing differs, as a pass would have met it."""

    kind: Kind[Any, Any, Any, Any]
    case: Case[Any, Any]
    decision: Decision
    entry: Entry

    @property
    def needs_no_pass(self) -> bool:
        """Whoever looks at others does: here they may not have been looked at yet."""
        decision, entry = self.decision, self.entry
        if self.case.want.spec is None or self.case.look or entry.fault is not None or entry.doubts:
            return False
        if decision.unsettled or decision.plan.steps or decision.plan.again is not None:
            return False
        try:
            outcome = Outcome(decision, self.kind.verdict(self.case))
        except Exception:  # noqa: BLE001 - it is for the pass to say so, of this ref alone
            return False
        row, status = concluded(Visit.to(entry, self.case.want), outcome, self.case.seen.at)
        return row is None and status.ready and status == entry.status


@dataclass(frozen=True, slots=True)
class Preview:
    differences: tuple[Difference, ...]
    submission: Submission
    same: tuple[_Same, ...] = ()

    @property
    def digest(self) -> str:
        """Names exactly these changes."""
        rows = [[str(d.ref), d.action, [described(c) for c in d.changes]] for d in self.differences]
        return sha256(dumps(rows, sort_keys=True).encode()).hexdigest()

    def ready(self) -> dict[Ref, Entry]:
        """What is as it should be and recorded so, as a pass would leave it."""
        return {one.entry.ref: one.entry for one in self.same if one.needs_no_pass}


async def preview(
    world: World, book: Book, submission: Submission, refs: Sequence[Ref], living: bool
) -> Preview:
    """`book` holds the wishes as they would be; `refs` are those that the answer is about."""
    needed_by, going = readers(book.needs()), frozenset(submission.removes)
    found: list[Difference] = []
    same: list[_Same] = []
    for ref in refs:
        action, changes, reason, one = await _differ(world, book, ref, living=living)
        if one is not None:
            same.append(one)
        affects: tuple[Ref, ...] = ()
        if action in {"recreate", "remove"}:
            affects = tuple(each for each in dependents(ref, needed_by) if each not in going)
        want = book.resource(ref)
        wish = want.spec if action == "add" else None
        found.append(Difference(ref, action, changes, reason, want.origin.place, affects, wish))
    return Preview(tuple(found), submission, tuple(same))


class _Found(NamedTuple):
    action: str
    changes: tuple[Change, ...] = ()
    reason: str = ""
    same: _Same | None = None


async def _differ(world: World, book: Book, ref: Ref, *, living: bool) -> _Found:
    """What is to be done, in which fields, and why nothing can be done about it now."""
    kind, uses = world.kinds[ref.kind], world.uses[ref.kind]
    entry, want = book[ref], book.resource(ref)
    present = False
    try:
        seen = await kind.observe(want, entry.memory, uses, fresh=False)
        present = seen.actual is not None
        case: Case[Any, Any] = Case(want, seen, book.look(want), entry.memory)
        # What goes with it goes before it, so only what stays keeps it.
        near = book.dependents(ref) if want.spec is None else ()
        staying = [one for one in near if book[one].want is not None]
        around = Surroundings(cycle=book.knot(ref), dependents=staying, living=living)
        decision = decide(kind, case, around)
    except Problem as problem:
        known = present or entry.kept is not None
        return _Found("change" if known else "add", (), problem.message)
    if want.spec is None and seen.owner is Owner.FOREIGN:
        stays = "nothing declares it any more; it was made elsewhere or let go of, and stays"
        return _Found("foreign", reason=stays)
    if decision.gate is Gate.FOREIGN:
        return _Found("foreign", decision.changes, decision.message)
    if not decision.changes:
        entry.seen = seen
        same = _Same(kind, case, decision, entry)
        return _Found(_by_inventory(entry, present=present), (), decision.message, same)
    reason = decision.message if decision.gate is not Gate.OPEN else ""
    return _Found(_action(decision.changes), decision.changes, reason)


def _by_inventory(entry: Entry, *, present: bool) -> str:
    """Nothing differs, which is all that can be told of what has no reality of its own, as a group."""
    if entry.want is None:
        return "none" if entry.kept is None else "remove"
    return "add" if entry.kept is None or not present else "none"


def _action(changes: Sequence[Change]) -> str:
    first = changes[0]
    if not first.path:
        return "add" if first.seen is None else "remove"
    return "recreate" if any(change.recreates for change in changes) else "change"
