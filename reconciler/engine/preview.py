"""What would change if a source declared something else: the same pure middle, nothing acted upon.

Rules: reads only, writes nowhere; a resource that does not exist yet is an addition even where its
wish cannot be settled before others are there; what is named as affected is what needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from json import dumps
from typing import Any

from reconciler.engine.book import Book
from reconciler.engine.decide import Gate, Surroundings, decide
from reconciler.engine.entry import Entry
from reconciler.engine.graph import dependents
from reconciler.engine.told import described
from reconciler.engine.world import World
from reconciler.errors import Place, Problem
from reconciler.model import Case, Change, Ref, Spec
from reconciler.ports.sources import Submission
from reconciler.records import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    ref: Ref
    action: str  # add | change | recreate | remove | none
    changes: tuple[Change, ...] = ()
    reason: str = ""  # why nothing can be done about it now
    place: Place | None = None
    affects: tuple[Ref, ...] = ()
    wish: Spec | None = None  # of what is to be added


@dataclass(frozen=True, slots=True)
class Preview:
    differences: tuple[Difference, ...]
    submission: Submission

    @property
    def digest(self) -> str:
        """Names exactly these changes."""
        rows = [[str(d.ref), d.action, [described(c) for c in d.changes]] for d in self.differences]
        return sha256(dumps(rows, sort_keys=True).encode()).hexdigest()


async def preview(
    world: World, book: Book, submission: Submission, refs: Sequence[Ref], living: bool
) -> Preview:
    """`book` holds the wishes as they would be; `refs` are those that the answer is about."""
    needs = book.needs()
    found: list[Difference] = []
    for ref in refs:
        action, changes, reason = await _differ(world, book, ref, living=living)
        affects: tuple[Ref, ...] = ()
        if action in {"recreate", "remove"}:
            affects = tuple(r for r in dependents(ref, needs) if r not in submission.removes)
        want = book.resource(ref)
        wish = want.spec if action == "add" else None
        found.append(Difference(ref, action, changes, reason, want.origin.place, affects, wish))
    return Preview(tuple(found), submission)


async def _differ(world: World, book: Book, ref: Ref, *, living: bool) -> tuple[str, tuple[Change, ...], str]:
    """What is to be done, in which fields, and why nothing can be done about it now."""
    kind, uses = world.kinds[ref.kind], world.uses[ref.kind]
    want, memory = book.resource(ref), book[ref].memory
    present = False
    try:
        seen = await kind.observe(want, memory, uses, fresh=False)
        present = seen.actual is not None
        case: Case[Any, Any] = Case(want, seen, book.look(want), memory)
        decision = decide(kind, case, Surroundings(cycle=book.knot(ref), living=living))
    except Problem as problem:
        return "change" if present or book[ref].kept is not None else "add", (), problem.message
    if not decision.changes:
        return _by_inventory(book[ref], present=present), (), decision.message
    reason = decision.message if decision.gate is not Gate.OPEN else ""
    return _action(decision.changes), decision.changes, reason


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
