"""What is left of a series as it grows old, decided without a store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.store import columns
from reconciler.store.thinning import SECOND, crowded, merged, period
from tests.store.records import DB, NOW, WEB, sampled

pytestmark = pytest.mark.req("CORE-29", "CORE-33")

now = columns.moment(NOW)
ages = st.integers(0, 40 * 86400 * SECOND)


def thinned(rounds: list[int], at: int) -> list[int]:
    """The last round of each period, which is what merging leaves."""
    gone = {one for first, last in crowded(rounds, at) for one in rounds if first <= one < last}
    return [one for one in rounds if one not in gone]


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        pytest.param(timedelta(0), 1, id="now"),
        pytest.param(timedelta(seconds=-5), 1, id="to come: the clock was set back"),
        pytest.param(timedelta(minutes=30), 8, id="half an hour"),
        pytest.param(timedelta(minutes=32), 16, id="the first that is wider than a quarter of a minute"),
        pytest.param(timedelta(days=1), 512, id="a day"),
        pytest.param(timedelta(days=30), 16384, id="a month"),
    ],
)
def test_periods_widen_with_age(age: timedelta, seconds: int) -> None:
    assert period(round(age.total_seconds()) * SECOND) == seconds * SECOND


@given(st.lists(ages, unique=True), ages)
def test_to_thin_early_and_again_leaves_what_thinning_late_leaves(past: list[int], later: int) -> None:
    rounds = sorted(now - age for age in past)
    once = thinned(rounds, now + later)
    assert thinned(thinned(rounds, now), now + later) == once
    assert thinned(once, now + later) == once


@given(st.lists(ages, unique=True, min_size=1))
def test_the_newest_round_stays(past: list[int]) -> None:
    rounds = sorted(now - age for age in past)
    assert thinned(rounds, now)[-1] == rounds[-1]


def test_of_a_period_its_end_is_left_with_its_peak() -> None:
    moments = [NOW + timedelta(seconds=n) for n in range(3)]
    rounds = [sampled(WEB, moments[0], 1), sampled(WEB, moments[1], 9), sampled(WEB, moments[2], 4)]
    assert merged(rounds) == [sampled(WEB, moments[2], 4, peak=9)]
    assert merged(merged(rounds)) == merged(rounds)


def test_what_ended_amid_a_period_is_told_at_its_end() -> None:
    later = NOW + timedelta(seconds=1)
    assert merged([sampled(DB, NOW, 7), sampled(WEB, later, 1)]) == [
        sampled(DB, later, 7),
        sampled(WEB, later, 1),
    ]


def test_of_nothing_nothing_is_left() -> None:
    assert merged([]) == []
