"""What one pass over one ref should do: settle, diff, look at the gates, plan. Pure.

Rules: needs gate acting, never observing; a removal waits for everything that still needs the ref
or is a part of it, and until every source was read, since a ref may move from one to another; what is
foreign and not adopted is never planned; a wish that cannot be settled while its needs are unmet is
waiting, not broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from reconciler.engine.diff import diff
from reconciler.engine.wishes import DISABLED, RECONCILE_DISABLED
from reconciler.errors import Problem
from reconciler.model import Case, Change, Owner, Plan, Ref, Resource, Status
from reconciler.ports import Kind


class Gate(StrEnum):
    """Why nothing may be done now, whatever differs."""

    OPEN = "Open"
    SUSPENDED = "Suspended"
    FOREIGN = "ForeignObject"
    CYCLE = "DependencyCycle"
    UNDECLARED = "DependencyMissing"
    WAITS = "WaitsForDependency"
    NEEDED = "StillNeeded"
    UNREAD = "WaitsForSource"
    NODE = "WaitsForNode"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pass has to know of the rest of the graph."""

    cycle: tuple[Ref, ...] = ()  # the knot that the ref is a member of
    dependents: Sequence[Ref] = ()  # what still needs it, or is a part of it
    living: bool = True  # the node is there to stay
    unread: Sequence[str] = ()  # sources that may want it, and that nobody has read yet


@dataclass(frozen=True, slots=True)
class Decision:
    gate: Gate = Gate.OPEN
    message: str = ""
    waits_for: tuple[Ref, ...] = ()
    settled: object = None
    unsettled: bool = False  # what is wanted cannot be told before its needs are met
    changes: tuple[Change, ...] = ()
    plan: Plan[Any] = Plan()  # noqa: RUF009 - frozen, so one serves all


def decide(kind: Kind[Any, Any, Any, Any], case: Case[Any, Any], around: Surroundings) -> Decision:
    want = case.want
    unmet = {} if want.spec is None else _unmet(case)
    try:
        settled = kind.settle(case) if want.spec is not None else None
    except Problem:
        if not unmet:
            raise
        return _closed(kind, case, around, unmet, Decision(unsettled=True))
    changes = diff(settled, case.seen.actual)
    found = Decision(settled=settled, changes=changes)
    shut = _closed(kind, case, around, unmet, found)
    if shut.gate is not Gate.OPEN:
        return shut
    plan = kind.plan(case, changes)
    return Decision(settled=settled, changes=changes, plan=plan)


def _closed(
    kind: Kind[Any, Any, Any, Any],
    case: Case[Any, Any],
    around: Surroundings,
    unmet: Mapping[Ref, str],
    found: Decision,
) -> Decision:
    """The first gate that is shut, or the decision as it was found."""
    gate, message = Gate.OPEN, ""
    waits_for: tuple[Ref, ...] = ()
    if is_suspended(case.want) and not kind.suspends:
        gate, message = Gate.SUSPENDED, "suspended: observed, not acted upon"
    elif case.seen.owner is Owner.FOREIGN and not adopts(case.want):
        gate = Gate.FOREIGN
        message = "it is there already and was not made by this node; `adopt: true` takes it over"
    elif around.cycle and case.want.spec is not None:
        gate = Gate.CYCLE
        message = "needs itself: " + " -> ".join(str(ref) for ref in (*around.cycle, around.cycle[0]))
    elif unmet and (found.changes or found.unsettled):
        gate = (
            Gate.UNDECLARED if any(case.look[r].want is None for r in unmet if r in case.look) else Gate.WAITS
        )
        message, waits_for = "; ".join(unmet.values()), tuple(unmet)
    elif case.want.spec is None and around.unread:
        gate = Gate.UNREAD
        message = f"goes when it is known that no other source wants it: {', '.join(around.unread)} not read"
    elif case.want.spec is None and around.dependents:
        gate = Gate.NEEDED
        message = f"still needed by {', '.join(str(ref) for ref in around.dependents)}"
        waits_for = tuple(around.dependents)
    elif found.changes and kind.lives and not around.living:
        gate, message = Gate.NODE, "recorded; it is brought about once `holdfast up` runs"
    return replace(found, gate=gate, message=message, waits_for=waits_for)


def is_suspended(want: Resource[Any]) -> bool:
    return bool(
        (want.spec is not None and want.spec.suspend) or want.annotations.get(RECONCILE_DISABLED) == DISABLED
    )


def _unmet(case: Case[Any, Any]) -> dict[Ref, str]:
    """The needs that are not met, each with what is missing."""
    missing: dict[Ref, str] = {}
    for ref, need in case.want.needs.items():
        look = case.look.get(ref)
        if look is None or look.want is None:
            missing[ref] = f"needs {ref}, which nothing declares"
        elif look.want.spec is None:
            missing[ref] = f"needs {ref}, which is being removed"
        elif look.status is None or not look.status.meets(need):
            missing[ref] = f"waits for {ref} to be {need}" + _because(look.status)
    return missing


def adopts(want: Resource[Any]) -> bool:
    """A wish that is gone takes nothing over, whatever it said before."""
    return want.spec is not None and bool(want.spec.adopt)


def _because(status: Status | None) -> str:
    ready = status.condition("Ready") if status is not None else None
    return f" ({ready.reason})" if ready is not None and not ready.status else ""
