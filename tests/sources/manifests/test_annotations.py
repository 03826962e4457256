"""Of Holdfast's own annotations each is known, with its values: a misspelt safeguard would guard nothing."""

from __future__ import annotations

import pytest

from reconciler.engine.wishes import DISABLED, PRUNE_DISABLED, RECONCILE_DISABLED
from reconciler.runtime.plugins import find_kinds
from reconciler.sources.annotations import VALUES
from reconciler.sources.cluster.objects import ALLOW_PRUNE
from reconciler.sources.manifest import Reading, Setting, read
from reconciler.sources.overlay import Patch

pytestmark = pytest.mark.req("CORE-17")

KINDS = find_kinds()
KEY = """apiVersion: holdfast.dev/v1
kind: Key
metadata:
  name: a
  annotations:
    {notes}
spec: {role: creator, generate: true}
"""


def reading(notes: str, **setting: object) -> Reading:
    return read(KEY.replace("{notes}", notes), "f.yaml", KINDS, Setting(**setting))  # type: ignore[arg-type]


def told(found: Reading) -> list[str]:
    return [str(problem) for problem in found.problems]


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        (
            "holdfast.dev/prunee: disabled",
            "holdfast.dev/prunee: unknown annotation, did you mean 'holdfast.dev/prune'?",
        ),
        (
            "holdfast.dev/hands: off",
            "holdfast.dev/hands: unknown annotation",
        ),
        ('holdfast.dev/reconcile: "off"', "holdfast.dev/reconcile: expected 'disabled' or 'enabled'"),
        (
            "holdfast.dev/prune: disable",
            "holdfast.dev/prune: expected 'disabled' or 'enabled', did you mean 'disabled'?",
        ),
        ('holdfast.dev/allow-prune: "yes"', "holdfast.dev/allow-prune: expected 'true' or 'false'"),
    ],
)
def test_what_is_misspelt_is_told_with_its_place(notes: str, expected: str) -> None:
    found = reading(notes)
    assert found.resources == ()
    (said,) = told(found)
    assert said.startswith("f.yaml:6:5: metadata.annotations.")
    assert expected in said


def test_who_is_far_off_is_told_all_that_there_is() -> None:
    (problem,) = reading("holdfast.dev/hands: off").problems
    assert all(name in problem.remedy for name in VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_each_value_that_is_known_arrives(name: str) -> None:
    for value in VALUES[name] or ("2026-01-01T00:00:00Z",):
        (one,) = reading(f'{name}: "{value}"').resources
        assert one.annotations == {name: value}


def test_what_somebody_else_notes_is_theirs() -> None:
    (one,) = reading("example.com/prune: off\n    prunee: disabled").resources
    assert one.annotations == {"example.com/prune": "off", "prunee": "disabled"}


def test_a_sources_patch_is_checked_like_the_manifest() -> None:
    patch = Patch({"metadata": {"annotations": {"holdfast.dev/prune": "never"}}})
    (said,) = told(reading("example.com/a: b", patches=(patch,)))
    assert "holdfast.dev/prune: expected 'disabled' or 'enabled'" in said


def test_all_that_are_acted_upon_are_known() -> None:
    assert {PRUNE_DISABLED, RECONCILE_DISABLED, ALLOW_PRUNE} < VALUES.keys()
    assert all(DISABLED in VALUES[name] for name in (PRUNE_DISABLED, RECONCILE_DISABLED))
