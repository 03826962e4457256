"""What the page of the tests says was planted is what is planted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.ablation.faults import FAULTS
from tests.ablation.planted import Planted
from tests.ablation.safeguards import SAFEGUARDS
from tests.ablation.tree import ROOT
from tests.checks.tables import table

PAGE = ROOT / "docs" / "explanation" / "testing.md"


@pytest.mark.parametrize(("what", "planted"), [("safeguard", SAFEGUARDS), ("fault", FAULTS)])
def test_the_page_has_the_table(what: str, planted: Sequence[Planted]) -> None:
    rows = "\n".join(
        table((what, "the edit, below `reconciler/`", "who notices"), (one.row() for one in planted))
    )
    assert rows in PAGE.read_text(), f"put this into {PAGE.relative_to(ROOT)}:\n{rows}"
