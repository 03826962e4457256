"""`${NAME}` in the values of manifests: filled in once, from what is given, or refused with the place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Invalid
from reconciler.sources.substitute import MAX_GROWTH, filler

pytestmark = pytest.mark.req("CORE-01")

FILL = filler({"NAME": "web", "EMPTY": "", "TRICK": "${NAME}", "BIG": "x" * 1000})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${NAME}", "web"),
        ("a-${NAME}-${NAME}.b", "a-web-web.b"),
        ("${NAME:-other}", "web"),
        ("${GONE:-other}", "other"),
        ("${GONE:-}", ""),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY}", ""),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$${NAME}"),
        ("${TRICK}", "${NAME}"),
        ("$(NAME) $NAME $", "$(NAME) $NAME $"),
    ],
)
def test_a_variable_is_filled_in_once(text: str, filled: str) -> None:
    assert FILL(text) == filled


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${GONE}", "unknown variable 'GONE'"),
        ("${NAM}", "unknown variable 'NAM', did you mean 'NAME'?"),
        ("${", "'${' begins no variable"),
        ("${1}", "'${' begins no variable"),
        ("${NAME:-{a}}", "'${' begins no variable"),
        ("${NAME:default}", "'${' begins no variable"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        FILL(text)
    assert refused.value.message == why


def test_a_value_may_not_grow_without_bound() -> None:
    times = MAX_GROWTH // (1000 - len("${BIG}"))
    assert len(FILL("${BIG}" * times)) == 1000 * times
    with pytest.raises(Invalid, match=f"longer by more than {MAX_GROWTH} characters"):
        FILL("${BIG}" * (times + 1))


@given(st.text())
def test_a_text_without_variables_is_left_as_it_is(text: str) -> None:
    plain = text.replace("{", "")
    assert FILL(plain) == plain
