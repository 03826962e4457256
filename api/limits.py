"""How much each caller may still ask for, told with every answer; too much is refused with when to come back.

Rules: a key has a bucket of its own, who has none shares that of their address, and the owner at the socket
has no limit; wrong keys have a stricter one. An answer that says only that nothing has changed costs whoever
has a key nothing; what is refused before a route is found costs its address as much as a call. What was left
is kept over a restart. One loop takes from the buckets, one call after another: however many ask at once,
none gets in on the same token as another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from litestar.types import Scope

from api.buckets import HOUR_S, MINUTE_S, Answer, Bucket, Policy, Standing, take
from api.errors import Detailed
from api.identity import Door
from reconciler import settings
from reconciler.access import ADMIN, WRITE
from reconciler.errors import Limited
from reconciler.figures import Counter
from reconciler.model import EMPTY, JsonValue
from reconciler.runtime.keyring import Holder

if TYPE_CHECKING:
    from reconciler.kinds.apikey.spec import Rate

NOTE: Final = "limits"  # of the store
DAY_S: Final = 24 * HOUR_S


@dataclass(slots=True)
class Taken:
    """What a request has paid, and how its caller stands since."""

    who: str
    policies: Sequence[Policy]
    cost: int
    answer: Answer
    is_key: bool
    at: float  # on the clock on the wall

    @property
    def reset(self) -> int:
        """In seconds of the epoch: a call that was refused can be paid then, else all is there again."""
        return ceil(self.at + _until(self.answer.tightest))


class TooMuch(Detailed, Limited):
    """More than a policy allows."""

    def __init__(self, taken: Taken) -> None:
        short = taken.answer.tightest
        super().__init__(
            f"more than the {short.policy.quota} in {short.policy.window_s} s that the limit "
            f"'{short.policy.name}' allows",
            remedy="wait as long as `Retry-After` says; an API key may have a `rate` of its own",
        )
        again = ceil(taken.reset - taken.at)
        self.headers = {"retry-after": str(again), "x-ratelimit-retryafter": str(again)}
        self.details = {
            "limit": short.policy.quota,
            "remaining": short.remaining,
            "reset_at": datetime.fromtimestamp(taken.reset, UTC).isoformat().replace("+00:00", "Z"),
            "retry_after": again,
        }


class Limiter:
    def __init__(self, wanted: settings.Limits, saved: JsonValue = None) -> None:
        self._wanted = wanted
        hourly = [_each_hour(wanted.per_hour)] if wanted.per_hour else []
        self._of_keys = [Policy("default", wanted.per_minute, MINUTE_S, wanted.burst), *hourly]
        own = {WRITE: wanted.write_per_minute, ADMIN: wanted.admin_per_minute}
        self._of_levels = {level: [_each_minute(level, most), *hourly] for level, most in own.items() if most}
        self._of_addresses = [_each_minute("local", wanted.address_per_minute)]
        self._of_failures = [_each_minute("failures", wanted.failures_per_minute)]
        self._buckets: dict[str, Mapping[str, Bucket]] = dict(_restored(saved))
        self._over: dict[str, str] = {}  # who has met the end of which policy, and has not been let in since
        self._news: list[tuple[str, str]] = []  # the same, for who writes it down
        self.moved = False  # since it was saved
        self.refused = Counter("holdfast_limited_total", "Requests that a limit has refused.", ("policy",))

    def of_key(self, holder: Holder, weight: int) -> Taken | None:
        rate, policies = holder.rate, self._of_keys
        if self._of_levels:
            policies = self._of_levels.get(holder.permissions.level, policies)
        if rate is not None:
            policies, weight = [*_own(rate, policies)], weight * rate.weight
        return self._take(f"key:{holder.actor}", policies, weight, is_key=True)

    def of_address(self, address: str, weight: int) -> Taken | None:
        return self._take(f"address:{address}", self._of_addresses, weight)

    def of_failure(self, address: str) -> Taken | None:
        """A wrong key came from there."""
        return self._take(f"failures:{address}", self._of_failures, 1)

    def _take(self, who: str, policies: Sequence[Policy], cost: int, *, is_key: bool = False) -> Taken | None:
        if not self._wanted.enabled or not cost:
            return None
        answer = take(policies, self._buckets.get(who, EMPTY), cost, time.monotonic())
        self._buckets[who] = answer.buckets
        self.moved = True
        if answer.allowed:
            self._over.pop(who, None)
        else:
            self._note(who, answer.tightest.policy.name)
        return Taken(who, policies, cost, answer, is_key, time.time())

    def _note(self, who: str, policy: str) -> None:
        self.refused.add(policy)
        if self._over.get(who) != policy:
            self._over[who] = policy
            self._news.append((who, policy))

    def give_back(self, taken: Taken) -> None:
        """It has cost nothing after all."""
        held = self._buckets.get(taken.who, EMPTY)
        now = time.monotonic()
        bursts = {policy.name: policy.burst for policy in taken.policies}
        back = {
            name: Bucket(min(bursts[name], bucket.tokens + taken.cost), bucket.at)
            if name in bursts
            else bucket
            for name, bucket in held.items()
        }
        taken.answer = take(taken.policies, back, 0, now)
        self._buckets[taken.who] = taken.answer.buckets

    def saved(self) -> tuple[JsonValue, Sequence[tuple[str, str]]]:
        """To be written down: what is left, and who has met which end since it was asked for last."""
        self.moved, news, self._news = False, self._news, []
        return self._left(), news

    def _left(self) -> JsonValue:
        """What is left to whom, by the clock on the wall; who has taken nothing for a day has all of it."""
        now, wall = time.monotonic(), time.time()
        self._buckets = {
            who: held
            for who, held in self._buckets.items()
            if any(now - one.at < DAY_S for one in held.values())
        }
        self._over = {who: policy for who, policy in self._over.items() if who in self._buckets}
        return {
            who: {name: [bucket.tokens, wall - (now - bucket.at)] for name, bucket in held.items()}
            for who, held in self._buckets.items()
        }


def _each_minute(name: str, quota: int) -> Policy:
    return Policy(name, quota, MINUTE_S, quota)


def _each_hour(quota: int) -> Policy:
    return Policy("hourly", quota, HOUR_S, quota)


def _own(rate: Rate, of_settings: Sequence[Policy]) -> Iterator[Policy]:
    """Instead of those in the settings; but a key that has only its hours counted has no more in a minute."""
    if rate.per_minute is not None:
        yield Policy("key", rate.per_minute, MINUTE_S, rate.burst or rate.per_minute)
    else:
        yield of_settings[0]
    if rate.per_hour is not None:
        yield _each_hour(rate.per_hour)


def _restored(saved: Any) -> Iterator[tuple[str, Mapping[str, Bucket]]]:  # noqa: ANN401 - as it was saved
    now, wall = time.monotonic(), time.time()
    for who, held in (saved or {}).items():
        yield who, {name: Bucket(tokens, now - max(0.0, wall - at)) for name, (tokens, at) in held.items()}


def owed(scope: Scope, limiter: Limiter) -> TooMuch | None:
    """Let its address pay for what no guard has let pay; what keeps it from that is told instead."""
    state, client = scope["state"], scope["client"]
    if "caller" in state or state["door"] is Door.SOCKET:
        return None
    taken = state["taken"] = limiter.of_address(client[0] if client is not None else "", 1)
    return TooMuch(taken) if taken is not None and not taken.answer.allowed else None


def told_of(taken: Taken) -> Sequence[tuple[bytes, bytes]]:
    """The seeds' own headers for the policy nearest to its end, the draft standard's for all."""
    near, all_of_them = taken.answer.tightest, taken.answer.standings
    policies = [f'"{one.policy.name}";q={one.policy.quota};w={one.policy.window_s}' for one in all_of_them]
    standings = [f'"{one.policy.name}";r={one.remaining};t={ceil(_until(one))}' for one in all_of_them]
    return (
        (b"x-ratelimit-limit", b"%d" % near.policy.quota),
        (b"x-ratelimit-remaining", b"%d" % near.remaining),
        (b"x-ratelimit-reset", b"%d" % taken.reset),
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(standings).encode()),
    )


def _until(one: Standing) -> float:
    """Seconds: when refused, until this call can be paid; else until all is there again."""
    return one.short_s or one.full_in_s
