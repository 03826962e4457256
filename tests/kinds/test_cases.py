"""Every row of every kind's `cases.yaml` holds."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from reconciler.engine.diff import diff
from tests.kinds.cases import Example, examples, told, written

EXAMPLES = [pytest.param(e, id=f"{type(e.kind).__name__}: {e.row.name}") for e in examples()]


@pytest.mark.req("CORE-08")
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_row_holds(example: Example) -> None:
    row = example.row
    if row.invalid:
        with pytest.raises(ValidationError, match=re.escape(row.invalid)):
            example.case()
        return
    case = example.case()
    settled = example.kind.settle(case) if case.want.spec is not None else None
    changes = diff(settled, case.seen.actual)
    plan = example.kind.plan(case, changes)
    verdict = example.kind.verdict(case)
    assert written(changes) == row.changes
    assert told(plan.steps) == row.steps
    assert {name: getattr(verdict, name) for name in row.verdict} == row.verdict


def test_a_name_stands_once_in_a_kind() -> None:
    names = [(type(e.kind).__name__, e.row.name) for e in examples()]
    assert len(names) == len(set(names))
