"""How much of the time a node was there, reckoned from its lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model import JsonValue
from reconciler.runtime.availability import (
    HEARTBEAT,
    LIVES,
    MOST,
    TARGET,
    WINDOW,
    Life,
    ended,
    noted,
    share_up,
)

pytestmark = pytest.mark.req("OBS-11")

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def test_a_node_in_its_first_life_was_there_all_the_time() -> None:
    assert ended({}) == []
    assert share_up([], ago(hours=1), NOW) == 1.0
    assert share_up([], NOW, NOW) == 1.0, "and at its very start"


def test_a_gap_between_two_lives_counts() -> None:
    before = [Life(ago(hours=10), ago(hours=1))]
    assert share_up(before, ago(hours=0), NOW) == 0.9
    assert share_up(before, ago(hours=1), NOW) == 1.0


def test_43_minutes_of_30_days_are_what_the_target_allows() -> None:
    def after(gap: timedelta) -> float:
        return share_up([Life(ago(days=60), ago(days=1) - gap)], ago(days=1), NOW)

    assert after(timedelta(minutes=43)) >= TARGET > after(timedelta(minutes=44))


def test_what_lies_before_the_window_is_forgotten() -> None:
    old = [Life(ago(days=90), ago(days=80)), Life(ago(days=40), ago(days=29))]
    assert share_up(old, ago(days=29), NOW) == 1.0


def test_a_clock_that_was_set_back_makes_no_share_above_one() -> None:
    assert share_up([Life(ago(hours=2), ago(hours=-3))], ago(hours=1), NOW) == 1.0
    assert share_up([Life(ago(hours=2), ago(hours=4))], ago(hours=1), NOW) == 0.5


def test_a_life_is_noted_as_it_begins_and_ends_with_its_last_heartbeat() -> None:
    first = noted([], ago(hours=3))
    assert first.key == LIVES
    notes = {LIVES: first.value, HEARTBEAT: ago(hours=2).isoformat()}
    assert ended(notes) == [Life(ago(hours=3), ago(hours=2))]
    second = noted(ended(notes), ago(hours=1))
    notes = {LIVES: second.value, HEARTBEAT: ago(minutes=1).isoformat()}
    assert ended(notes) == [Life(ago(hours=3), ago(hours=2)), Life(ago(hours=1), ago(minutes=1))]
    before_its_first = {LIVES: second.value, HEARTBEAT: ago(hours=2).isoformat()}
    assert ended(before_its_first)[-1] == Life(ago(hours=1), ago(hours=1))


def test_the_note_grows_within_bounds() -> None:
    many = [Life(ago(days=29), ago(days=29)) for _ in range(2 * MOST)]
    assert len(noted(many, NOW).value) == MOST + 1
    old = [Life(NOW - 2 * WINDOW, NOW - 1.5 * WINDOW)]
    assert noted(old, NOW).value == noted([], NOW).value


@pytest.mark.parametrize("lives", [None, "x", [["x", "y"]], [["2026-01-01T00:00:00+00:00"]], 7])
def test_a_note_that_cannot_be_read_is_none(lives: JsonValue) -> None:
    assert ended({LIVES: lives, HEARTBEAT: NOW.isoformat()}) == []
