"""What one pass over one ref should do: settle, diff, look at the gates, plan. Pure.

Rules: needs gate acting, never observing; a removal waits for everything that still needs the ref
or is a part of it, and until every source was read, since a ref may move from one to another; what is
foreign and not adopted is never planned; a wish that cannot be settled while its needs are unmet is
waiting, not broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from reconciler.engine.diff import diff
from reconciler.engine.wishes import DISABLED, RECONCILE_DISABLED
from reconciler.errors import Problem
from reconciler.model import Case, Change, Owner, Plan, Ref, Resource, Status
from reconciler.ports.kind import Kind
from reconciler.records import dataclass


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
    UNWANTED = "NotDeclared"


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
    plan: Plan[Any] = Plan()


class Shut(NamedTuple):
    gate: Gate
    message: str
    waits_for: tuple[Ref, ...] = ()


LOOKED_AT = "suspended: observed, not acted upon"
LEFT_ALONE = (
    f"nothing declares it any more; {LOOKED_AT}, as its annotation `{RECONCILE_DISABLED}: {DISABLED}` said "
    "last; declare it once without that, then it can go"
)


def decide(kind: Kind[Any, Any, Any, Any], case: Case[Any, Any], around: Surroundings) -> Decision:
    want = case.want
    unmet = _unmet(case) if want.spec is not None and want.needs else {}
    settled, unsettled = None, False
    try:
        settled = kind.settle(case) if want.spec is not None else None
    except Problem:
        if not unmet:
            raise
        unsettled = True
    changes = () if unsettled else diff(settled, case.seen.actual)
    shut = _shut(kind, case, around, unmet, differs=unsettled or bool(changes))
    if shut is not None:
        return Decision(*shut, settled=settled, unsettled=unsettled, changes=changes)
    return Decision(settled=settled, changes=changes, plan=kind.plan(case, changes))


def _shut(
    kind: Kind[Any, Any, Any, Any],
    case: Case[Any, Any],
    around: Surroundings,
    unmet: Mapping[Ref, str],
    *,
    differs: bool,
) -> Shut | None:
    """The first gate that is shut."""
    want = case.want
    if is_suspended(want) and not kind.suspends:
        return Shut(Gate.SUSPENDED, LOOKED_AT if want.spec is not None else LEFT_ALONE)
    if case.seen.owner is Owner.FOREIGN and not adopts(want):
        there = "it is there already, and was made elsewhere or let go of; `adopt: true` takes it over"
        return Shut(Gate.FOREIGN, there)
    if want.spec is None and (kept := _kept(around)) is not None:
        return kept
    if around.cycle and want.spec is not None:
        line = " -> ".join(str(ref) for ref in (*around.cycle, around.cycle[0]))
        return Shut(Gate.CYCLE, f"needs itself: {line}")
    if unmet and differs:
        missing = any(case.look[ref].want is None for ref in unmet)
        return Shut(Gate.UNDECLARED if missing else Gate.WAITS, "; ".join(unmet.values()), tuple(unmet))
    if differs and kind.lives and not around.living:
        return Shut(Gate.NODE, "recorded; it is brought about once `holdfast up` runs")
    return None


def _kept(around: Surroundings) -> Shut | None:
    """Why something that is to go has to stay for now."""
    if around.unread:
        unread = ", ".join(around.unread)
        remedy = (
            "mend or remove that source, or `holdfast reconcile source/NAME --allow-prune` goes without it"
        )
        return Shut(
            Gate.UNREAD, f"goes when it is known that no other source wants it: {unread} not read; {remedy}"
        )
    if around.dependents:
        names = ", ".join(str(ref) for ref in around.dependents)
        return Shut(Gate.NEEDED, f"still needed by {names}", tuple(around.dependents))
    return None


def is_suspended(want: Resource[Any]) -> bool:
    return bool(
        (want.spec is not None and want.spec.suspend) or want.annotations.get(RECONCILE_DISABLED) == DISABLED
    )


def _unmet(case: Case[Any, Any]) -> dict[Ref, str]:
    """The needs that are not met, each with what is missing."""
    missing: dict[Ref, str] = {}
    for ref, need in case.want.needs.items():
        look = case.look[ref]
        if look.want is None:
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
