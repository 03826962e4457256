"""Wanted and seen, compared field by field: nothing missed, nothing made up, nothing secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum, StrEnum
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.diff import MASK, diff, plain
from reconciler.engine.told import described, told
from reconciler.model import Change, Step


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Port:
    number: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class State:
    name: str
    size: int = field(default=0, metadata={"recreates": True})
    password: str | None = field(default=None, metadata={"secret": True})
    tokens: Mapping[str, str] = field(default_factory=dict, metadata={"secret": True})
    env: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    colour: Colour = Colour.RED
    port: Port | None = None
    image: Port = field(default=Port(1), metadata={"recreates": True})
    seen_at: int = field(default=0, compare=False)


texts = st.text("abc", max_size=3)
states = st.builds(
    State,
    name=texts,
    size=st.integers(0, 2),
    password=st.none() | st.text("S", min_size=6, max_size=8).map(lambda s: "hunter" + s),
    tokens=st.dictionaries(texts, st.just("hunter2"), max_size=2),
    env=st.dictionaries(texts, texts, max_size=2),
    tags=st.lists(texts, max_size=2).map(tuple),
    colour=st.sampled_from(Colour),
    port=st.none() | st.builds(Port, st.integers(1, 3), texts),
    image=st.builds(Port, st.integers(1, 2), texts),
    seen_at=st.integers(0, 2),
)


@given(states, st.integers())
def test_the_same_is_no_change_whatever_is_not_compared(state: State, at: int) -> None:
    assert diff(state, replace(state, seen_at=at)) == ()


@given(states, states)
def test_a_change_for_each_field_that_differs_and_for_no_other(want: State, seen: State) -> None:
    differing = {
        f.name for f in fields(State) if f.compare and getattr(want, f.name) != getattr(seen, f.name)
    }
    assert {change.path[0] for change in diff(want, seen)} == differing


@given(states, states)
def test_a_change_has_both_values_as_they_stand_there(want: State, seen: State) -> None:
    for change in diff(want, seen):
        assert change.want != change.seen or change.secret
        for side, value in ((want, change.want), (seen, change.seen)):
            at = plain(side)
            for step in change.path if not change.secret else ():
                at = at.get(step)
            assert value in {MASK, None} if change.secret else value == at


@given(states, states)
def test_only_what_forces_a_recreate_says_so(want: State, seen: State) -> None:
    assert all(change.recreates == (change.path[0] in {"size", "image"}) for change in diff(want, seen))


@given(states | st.none(), states | st.none())
def test_no_secret_gets_into_a_change(want: State | None, seen: State | None) -> None:
    changes = diff(want, seen)
    assert "hunter" not in repr(changes)
    assert "hunter" not in json.dumps([described(change) for change in changes])


@given(states)
def test_made_and_removed_is_one_change_of_the_whole(state: State) -> None:
    assert diff(state, None) == (Change((), None, plain(state)),)
    assert diff(None, state) == (Change((), plain(state), None),)
    assert diff(None, None) == ()


def test_mappings_are_compared_key_by_key_and_sequences_whole() -> None:
    want = State("a", env={"A": "1", "B": "2"}, tags=("x", "y"))
    seen = State("a", env={"B": "3", "C": "4"}, tags=("x",))
    assert diff(want, seen) == (
        Change(("env", "A"), None, "1"),
        Change(("env", "B"), "3", "2"),
        Change(("env", "C"), "4", None),
        Change(("tags",), ["x"], ["x", "y"]),
    )


def test_a_part_of_what_forces_a_recreate_forces_it_too() -> None:
    assert diff(State("a", image=Port(2)), State("a", image=Port(1))) == (
        Change(("image", "number"), 1, 2, recreates=True),
    )


def test_a_part_that_comes_or_goes_is_one_change() -> None:
    assert diff(State("a", port=Port(1)), State("a")) == (
        Change(("port",), None, {"number": 1, "protocol": "tcp"}),
    )


def test_a_secret_that_comes_is_told_from_one_that_changes() -> None:
    assert diff(State("a", password="x"), State("a")) == (Change(("password",), None, MASK, secret=True),)
    assert diff(State("a", password="x"), State("a", password="y")) == (
        Change(("password",), MASK, MASK, secret=True),
    )


class Size(Enum):
    SMALL = 1


class Point(NamedTuple):
    x: int


@pytest.mark.parametrize(
    ("value", "as_json"),
    [
        (Colour.BLUE, "blue"),
        (Size.SMALL, 1),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({Port(2), Port(1)}, [{"number": 1, "protocol": "tcp"}, {"number": 2, "protocol": "tcp"}]),
        ((1, None, 2.5, True), [1, None, 2.5, True]),
        ({1: Port(1)}, {"1": {"number": 1, "protocol": "tcp"}}),
        (Point(1), "Point(x=1)"),
        (Port, str(Port)),
    ],
)
def test_a_value_as_json_holds_it(value: object, as_json: object) -> None:
    assert plain(value) == as_json
    json.dumps(plain(value))


@dataclass(frozen=True, slots=True)
class Login(Step):
    user: str
    password: str = field(metadata={"secret": True})


@dataclass(frozen=True, slots=True)
class Rest(Step):
    verb = "take a rest"


def test_a_step_is_told_by_its_word_and_its_fields() -> None:
    step = Login("ann", "hunter2", remember={"token": "hunter3"})
    assert told(step) == {"step": "Login", "user": "ann", "password": MASK}
    assert told(Rest()) == {"step": "take a rest"}


def test_a_change_is_told_masked_even_if_a_kind_forgot_to() -> None:
    change = Change(("password",), None, "hunter2", recreates=True, secret=True)
    assert described(change) == {"path": ["password"], "seen": None, "want": MASK, "recreates": True}
