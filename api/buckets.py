"""How much a caller may still ask for: token buckets that refill smoothly. Pure: the time is passed in.

Rules: a bucket holds at most its burst and refills by its rate; a call that finds too little takes nothing;
of several policies all must agree, and none is charged for what another one refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from math import ceil

from reconciler.records import dataclass

MINUTE_S = 60
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Policy:
    """So much in so long, and so much at once."""

    name: str
    quota: int
    window_s: int
    burst: int

    @property
    def per_second(self) -> float:
        return self.quota / self.window_s


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was left at a moment."""

    tokens: float
    at: float

    def left(self, policy: Policy, now: float) -> float:
        """A clock that went back refills nothing."""
        return min(policy.burst, self.tokens + max(0.0, now - self.at) * policy.per_second)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one policy stands after a call."""

    policy: Policy
    remaining: int  # whole tokens
    full_in_s: float  # until all is there again
    short_s: float  # until this call could have been paid; 0: it was


@dataclass(frozen=True, slots=True)
class Answer:
    allowed: bool
    standings: Sequence[Standing]
    tightest: Standing  # the one that is nearest to its end
    buckets: Mapping[str, Bucket]  # by policy, as they are from now on

    @property
    def retry_after_s(self) -> int:
        """Whole seconds, never too few."""
        return ceil(max(one.short_s for one in self.standings))


def take(policies: Sequence[Policy], buckets: Mapping[str, Bucket], cost: int, now: float) -> Answer:
    """Pay for a call, if all policies have enough for it; a bucket that is not there yet is full."""
    left = [
        bucket.left(policy, now) if (bucket := buckets.get(policy.name)) else float(policy.burst)
        for policy in policies
    ]
    short = list(map(_short, policies, left, repeat(cost)))
    allowed = not any(short)
    if allowed:
        left = [tokens - cost for tokens in left]
    standings = list(map(_standing, policies, left, short))
    held = {policy.name: Bucket(tokens, now) for policy, tokens in zip(policies, left, strict=True)}
    return Answer(allowed, standings, min(standings, key=_far_from_end), held)


def _short(policy: Policy, left: float, cost: int) -> float:
    """What costs more than the bucket holds is paid with a full one, or it could never be called."""
    due = min(cost, policy.burst)
    return 0.0 if left >= due else (due - left) / policy.per_second


def _standing(policy: Policy, left: float, short_s: float) -> Standing:
    return Standing(policy, max(0, int(left)), (policy.burst - left) / policy.per_second, short_s)


def _far_from_end(one: Standing) -> tuple[float, ...]:
    return -one.short_s, one.remaining / one.policy.burst, -one.full_in_s
