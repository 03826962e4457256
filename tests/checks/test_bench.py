"""What `make bench` makes of rows that were measured twice, and of commands that fail or take too long."""

from __future__ import annotations

import pytest

from tests.bench.group import twice_if_near
from tests.bench.row import Row, beside, timed


def files(ours: float, salt: float, pyinfra: float) -> list[Row]:
    return [
        beside("files, no-op", ours, "s", ("salt", salt), 0.2),
        beside("files, no-op", ours, "s", ("pyinfra", pyinfra), 0.03),
    ]


def test_what_nearly_held_is_replaced_by_the_row_beside_the_same_neighbour() -> None:
    turns = iter([files(2.1, 10, 100), files(1.9, 10, 101)])
    beside_salt, beside_pyinfra = twice_if_near(lambda: next(turns))
    assert (beside_salt.against, beside_salt.ratio, beside_salt.holds) == ("salt: 10 s", 0.19, True)
    assert (beside_pyinfra.against, beside_pyinfra.ratio) == ("pyinfra: 100 s", 0.021)  # it held at once


def test_what_is_missed_by_far_is_not_measured_again() -> None:
    turns = iter([files(9, 10, 100)])
    assert [row.holds for row in twice_if_near(lambda: next(turns))] == [False, False]


def test_a_command_that_takes_too_long_is_stopped_and_what_it_took_is_kept() -> None:
    took = timed(["sleep", "600"], limit_s=0.1)
    assert 0.1 <= took.seconds < 600
    assert took.mebibytes > 0


def test_a_command_that_fails_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="false ended with 1"):
        timed(["false"])
