"""Has a revision succeeded, has it failed, or is it still under way? Pure.

Rules: it succeeds when everything that it changed is Ready at one moment; it fails when something
stays Stalled for longer than a passing fault does, or when nothing gets further for the progress
deadline. Progress is what happens for the first time: a service that crashes and starts over and over
makes none. Time is the monotonic clock's, so that a clock that is set breaks no revision's neck.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import Any, Final

from reconciler.model import EMPTY, Need, Ref, Resource, Snapshot, Status
from reconciler.records import dataclass

STALL_GRACE_S: Final = 10.0  # a driver that comes back within this has stalled nothing for good


class Outcome(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a revision has come."""

    revision: str
    changed: Mapping[Ref, str]  # what it changed, each with the revision that its status must be about
    moved_at: float  # when something got further last
    waiting: frozenset[Ref]
    reached: frozenset[tuple[Ref, Need]] = frozenset()
    stalled: Mapping[Ref, str] = field(default=EMPTY)  # each with the reason
    stalled_at: float = 0.0  # since when something is, without a break

    @property
    def why(self) -> str:
        """What stands in the way, for people."""
        if self.stalled:
            return "; ".join(f"{ref} is stalled: {reason}" for ref, reason in sorted(self.stalled.items()))
        return "no progress: " + ", ".join(f"{ref} is not ready" for ref in sorted(self.waiting))


def begin(last: Snapshot | None, snapshot: Snapshot, now: float) -> Rollout:
    """A revision has just been taken into force in place of another one."""
    before = last.resources if last is not None else EMPTY
    changed = {
        ref: resource.origin.revision
        for ref, resource in snapshot.resources.items()
        if ref not in before or not alike(before[ref], resource)
    }
    return Rollout(snapshot.revision, changed, now, frozenset(changed))


def alike(one: Resource[Any], other: Resource[Any]) -> bool:
    """The same wish, wherever it is written."""
    return one is other or (
        one.spec == other.spec and one.labels == other.labels and one.annotations == other.annotations
    )


def advance(rollout: Rollout, statuses: Mapping[Ref, Status | None], now: float) -> Rollout:
    """What is known after the statuses were looked at again."""
    fresh = {
        ref: status
        for ref, revision in rollout.changed.items()
        if (status := statuses.get(ref)) is not None and status.revision == revision
    }
    reached = rollout.reached | {(ref, need) for ref, status in fresh.items() for need in _needs_met(status)}
    stalled = {ref: _reason(status) for ref, status in fresh.items() if status.stalled}
    return replace(
        rollout,
        moved_at=now if reached > rollout.reached else rollout.moved_at,
        waiting=frozenset(ref for ref in rollout.changed if ref not in fresh or not fresh[ref].ready),
        reached=reached,
        stalled=stalled,
        stalled_at=rollout.stalled_at if rollout.stalled and stalled else now,
    )


def judge(rollout: Rollout, deadline_s: float, now: float) -> Outcome:
    if not rollout.waiting:
        return Outcome.SUCCEEDED
    return Outcome.FAILED if now >= decides_at(rollout, deadline_s) else Outcome.RUNNING


def decides_at(rollout: Rollout, deadline_s: float) -> float:
    """When it fails, if nothing gets further until then."""
    deadline = rollout.moved_at + deadline_s
    if not rollout.stalled:
        return deadline
    return min(deadline, rollout.stalled_at + min(STALL_GRACE_S, deadline_s))


def _needs_met(status: Status) -> frozenset[Need]:
    return status.reached | {Need.READY} if status.ready else status.reached


def _reason(status: Status) -> str:
    stalled = status.condition("Stalled")
    return (stalled.message or stalled.reason) if stalled is not None else ""
