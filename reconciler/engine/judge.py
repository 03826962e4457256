"""The outcome of a pass becomes a status that people and programs can act on. Pure.

Rules: kstatus-compatible, so `Ready` is always there, `Reconciling` and `Stalled` only while true,
and never both; a condition keeps its time until its truth changes; a message holds no clock and no
counter, so that a pass that changes nothing writes nothing.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.engine.decide import Decision, Gate
from reconciler.errors import Problem
from reconciler.model import Condition, Need, Status, Verdict
from reconciler.ports.kind import Telling
from reconciler.records import dataclass

STALLS_AFTER = 8  # tries in a row; 5 ms doubling puts them within a second and a half

NAMED_CHANGES = 4
STUCK = frozenset({Gate.FOREIGN, Gate.CYCLE, Gate.UNWANTED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass came to."""

    decision: Decision = Decision()
    verdict: Verdict = Verdict()
    error: Exception | None = None
    failures: int = 0
    told: tuple[Telling, ...] = ()  # what has happened, in the kind's own words


def judge(outcome: Outcome, last: Status | None, generation: int, revision: str, now: datetime) -> Status:
    ready, because, stalled = _readiness(outcome)
    conditions = [_dated("Ready", because, last, now, status=ready)]
    if stalled and not ready:
        conditions.append(_dated("Stalled", because, last, now, status=True))
    elif not ready and outcome.decision.gate is not Gate.SUSPENDED:
        conditions.append(_dated("Reconciling", because, last, now, status=True))
    acted = outcome.error is None and not outcome.decision.changes and not outcome.decision.unsettled
    return Status(
        conditions=tuple(conditions),
        generation=generation,
        observed_generation=generation if acted or last is None else last.observed_generation,
        revision=revision,
        reached=outcome.verdict.reached if outcome.error is None else _none(),
        waits_for=outcome.decision.waits_for,
        error=_said(outcome.error) if outcome.error is not None else "",
    )


def _none() -> frozenset[Need]:
    return frozenset()


def _readiness(outcome: Outcome) -> tuple[bool, tuple[str, str], bool]:
    """Ready? why, and is it beyond what trying again can mend?"""
    decision, verdict = outcome.decision, outcome.verdict
    if outcome.error is not None:
        retriable = not isinstance(outcome.error, Problem) or outcome.error.retriable
        stalled = not retriable or outcome.failures >= STALLS_AFTER
        return False, (_word(outcome.error), _said(outcome.error)), stalled
    if decision.gate is Gate.SUSPENDED:
        ready = verdict.ready and not decision.changes and not decision.unsettled
        return ready, (decision.gate, decision.message), False
    if decision.gate is not Gate.OPEN:
        return False, (decision.gate, decision.message), decision.gate in STUCK
    if decision.changes:
        plan = decision.plan
        reason = "NotProgressing" if plan.stalled else "Progressing"
        return False, (reason, plan.waiting or "differs in " + _where(decision)), plan.stalled
    return verdict.ready, (verdict.reason, verdict.message), verdict.stalled


def _where(decision: Decision) -> str:
    paths = [".".join(change.path) or "all" for change in decision.changes]
    more = len(paths) - NAMED_CHANGES
    return ", ".join(paths[:NAMED_CHANGES]) + (f" and {more} more" if more > 0 else "")


def _word(error: Exception) -> str:
    """`SERVICE_UNAVAILABLE` as conditions spell it: `ServiceUnavailable`."""
    if not isinstance(error, Problem):
        return "Crashed"
    return "".join(part.capitalize() for part in error.code.split("_"))


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}"


def _dated(
    type_: str, because: tuple[str, str], last: Status | None, now: datetime, *, status: bool
) -> Condition:
    before = last.condition(type_) if last is not None else None
    if before is None or before.status != status:
        return Condition(type_, status, because[0], because[1], now)
    if (before.reason, before.message) == because:
        return before
    return Condition(type_, status, because[0], because[1], before.since)
