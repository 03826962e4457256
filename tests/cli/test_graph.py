"""`graph` draws every ref: what stands in a cycle has no root of its own."""

from __future__ import annotations

import pytest

from reconciler.cli.graph import Needs, tree


def test_below_each_ref_stands_what_it_needs() -> None:
    assert list(tree({"a": ["b", "c"], "b": ["c"], "c": []})) == ["a", "├─ b", "│  └─ c", "└─ c"]


def test_a_cycle_beside_another_root_is_shown_with_what_it_needs() -> None:
    needs = {"x": ["y"], "y": ["x", "a"], "a": [], "alone": []}
    assert list(tree(needs)) == [
        "alone",
        "x",
        "└─ y",
        "   ├─ a",
        "   └─ x (again: a cycle)",
    ]


@pytest.mark.parametrize(
    "needs",
    [
        {"a": ["a"], "b": []},
        {"a": ["b"], "b": ["a"]},
        {"a": ["b"], "b": ["c"], "c": ["b"], "d": ["e"], "e": ["d"]},
        {"a": ["b"], "b": ["a"], "y": ["z"], "z": ["y", "a"]},
        {"a": ["nobody"]},
    ],
)
def test_each_ref_appears(needs: Needs) -> None:
    shown = "\n".join(tree(needs))
    assert {line.split("─ ")[-1].split(" ")[0] for line in shown.splitlines()} >= needs.keys()
