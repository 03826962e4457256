"""A bucket never gives more than it may, never asks to wait too short, and is never charged for a refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from api.buckets import HOUR_S, MINUTE_S, Bucket, Policy, take

DEFAULT = Policy("default", 100, MINUTE_S, 100)
HOURLY = Policy("hourly", 1000, HOUR_S, 100)

policies = some.builds(
    Policy,
    some.just("any"),
    some.integers(1, 1000),
    some.sampled_from([1, MINUTE_S, HOUR_S]),
    some.integers(1, 200),
)
calls = some.lists(some.tuples(some.floats(0, 120), some.integers(1, 5)), min_size=1, max_size=60)


@pytest.mark.req("RTL-01", "RTL-06", "TST-18")
@given(policies, calls)
def test_over_any_time_no_more_than_the_burst_and_what_refilled(
    policy: Policy, calls: list[tuple[float, int]]
) -> None:
    buckets: dict[str, Bucket] = {}
    now = spent = debt = 0.0
    for pause, cost in calls:
        now += pause
        answer = take([policy], buckets, cost, now)
        buckets = dict(answer.buckets)
        if answer.allowed:
            spent += cost
            debt = max(debt, cost - policy.burst)
        assert spent <= policy.burst + now * policy.per_second + debt + 1e-6
        assert 0 <= answer.tightest.remaining <= policy.burst


@pytest.mark.req("RTL-07")
@given(policies, calls)
def test_who_waits_as_long_as_told_is_let_through(policy: Policy, calls: list[tuple[float, int]]) -> None:
    buckets: dict[str, Bucket] = {}
    now = 0.0
    for pause, cost in calls:
        now += pause
        answer = take([policy], buckets, cost, now)
        buckets = dict(answer.buckets)
        if not answer.allowed:
            assert answer.retry_after_s >= 1
            now += answer.retry_after_s
            answer = take([policy], buckets, cost, now)
            assert answer.allowed
            buckets = dict(answer.buckets)


@pytest.mark.req("RTL-03")
def test_a_refusal_charges_no_policy_and_names_the_tightest() -> None:
    spent = take([HOURLY], {}, 100, 0.0).buckets
    answer = take([DEFAULT, HOURLY], spent, 1, 1.0)
    assert not answer.allowed
    assert answer.tightest.policy is HOURLY
    assert answer.buckets["default"].tokens == DEFAULT.burst
    assert answer.retry_after_s == 3  # 3.6 s a token, of which 1 s has passed


@pytest.mark.req("RTL-01")
def test_a_clock_that_goes_back_refills_nothing() -> None:
    empty = Bucket(0.0, at=1000.0)
    assert empty.left(DEFAULT, 10.0) == 0.0
    assert empty.left(DEFAULT, 1000.0 + MINUTE_S) == 100.0


@pytest.mark.req("RTL-06")
def test_a_call_dearer_than_the_bucket_takes_a_full_one_and_leaves_a_debt() -> None:
    small = Policy("small", 60, MINUTE_S, 2)
    first = take([small], {}, 5, 0.0)
    assert first.allowed
    assert first.buckets["small"].tokens == -3.0
    again = take([small], first.buckets, 1, 1.0)
    assert not again.allowed
    assert again.retry_after_s == 3
