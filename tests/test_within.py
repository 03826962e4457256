"""A caller's trace goes on, and what makes no sense as one is passed over."""

from __future__ import annotations

import re
from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.within import WITHIN, begin, traced

pytestmark = pytest.mark.req("OBS-19", "OBS-20")

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"00-{TRACE}-{SPAN}-01", (TRACE, SPAN)),
        (f"cc-{TRACE}-{SPAN}-00", (TRACE, SPAN)),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        ("", None),
    ],
)
def test_what_a_caller_says_of_its_trace(text: str, found: tuple[str, str] | None) -> None:
    assert traced(text) == found


@given(st.text())
def test_any_text_may_come(text: str) -> None:
    within = copy_context().run(begin, "req-1", text)
    assert re.fullmatch("[0-9a-f]{32}", within.trace_id)
    assert re.fullmatch("[0-9a-f]{16}", within.span_id)


def test_a_trace_goes_on_with_a_span_of_our_own() -> None:
    within = copy_context().run(begin, "req-1", f"00-{TRACE}-{SPAN}-01")
    assert (within.request_id, within.trace_id, within.parent_id) == ("req-1", TRACE, SPAN)
    assert within.span_id != SPAN
    assert WITHIN.get() is None, "it is that task's alone"
