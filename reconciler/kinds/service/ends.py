"""What the end of a process means: rest, failure, or another try after a pause. Pure.

Rules: who ends again and again is started ever more slowly, and said to be stalled; who has run for a
while begins anew.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.kinds.service.running import Phase, Running
from reconciler.kinds.service.spec import Restart, ServiceSpec
from reconciler.model import EMPTY, Case, JsonValue, Need, Plan, Seen, Step, Verdict

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 60.0
STABLE_S = 10.0  # who has run this long is not in a loop of crashes
STALLS_AFTER = 5
STABLE_UNTIL = "stable_until"


def rests(spec: ServiceSpec, seen: Seen[Running]) -> bool:
    """It has ended by itself, and its restart policy leaves it at that."""
    if seen.actual is None or seen.actual.phase is not Phase.ENDED:
        return False
    succeeded = seen.facts.get("exit_code") == 0
    return spec.restart is Restart.NEVER or (spec.restart is Restart.ON_FAILURE and succeeded)


def judged(case: Case[ServiceSpec, Running]) -> Verdict:
    told = how(case.seen)
    if case.seen.facts.get("exit_code") == 0:
        return Verdict(reason="Completed", message=told, reached=frozenset({Need.STARTED, Need.COMPLETED}))
    return Verdict(
        ready=False, reason="Failed", message=told, stalled=True, reached=frozenset({Need.STARTED})
    )


def how(seen: Seen[Running]) -> str:
    code, by = seen.facts.get("exit_code"), seen.facts.get("signal")
    if code is not None:
        return f"ended with exit code {code}"
    return f"ended by {_name(by)}" if by is not None else "ended while nobody watched"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # those between SIGRTMIN and SIGRTMAX have none
        return f"signal {number}"


def pause_before_next(case: Case[ServiceSpec, Running]) -> Plan[Step] | None:
    """How long to wait before a process that has ended is started again; None: not at all."""
    seen = case.seen
    at = seen.facts.get("exited_at")
    failures = 0 if _was_stable(seen) else _restarts(seen) - _stable_until(case)
    if at is None or failures == 0:
        return None
    wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * float(1 << min(failures - 1, 16)))
    left = datetime.fromisoformat(at) + timedelta(seconds=wait) - seen.at
    if left <= timedelta(0) or left > timedelta(seconds=wait):  # the latter: the clock was set back
        return None
    return Plan(again=left, waiting=f"{how(seen)}, again and again", stalled=failures >= STALLS_AFTER)


def remembered(case: Case[ServiceSpec, Running]) -> Mapping[str, JsonValue]:
    """What a start notes: that none of the starts until then were a loop of crashes."""
    return {STABLE_UNTIL: _restarts(case.seen) + 1} if _was_stable(case.seen) else EMPTY


def _was_stable(seen: Seen[Running]) -> bool:
    return float(seen.facts.get("lasted_s", 0.0)) >= STABLE_S


def _restarts(seen: Seen[Running]) -> int:
    return int(seen.facts.get("restarts", 0))


def _stable_until(case: Case[ServiceSpec, Running]) -> int:
    """Which of the starts was the first after a run that lasted. Who stops it begins the count anew."""
    noted = int(case.memory.get(STABLE_UNTIL, 0))
    return noted if noted <= _restarts(case.seen) else 0
