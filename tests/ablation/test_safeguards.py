"""Each safeguard is switched off in a copy of the tree, and somebody notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ablation.planted import PYTEST, ByTest, Planted
from tests.ablation.safeguards import SAFEGUARDS
from tests.ablation.tree import copy, run

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("planted", SAFEGUARDS, ids=lambda planted: planted.name.replace(" ", "-"))
def test_a_safeguard_that_is_switched_off_is_missed(planted: Planted, tmp_path: Path) -> None:
    tree = copy(tmp_path)
    planted.edit.make(tree)
    assert planted.noticed.missed(tree) == ""


def test_a_tree_in_which_nothing_is_spoilt_passes(tmp_path: Path) -> None:
    """Or it would be the copy that fails, and not what was planted."""
    tree = copy(tmp_path)
    seeds = run(tree, "tests.ablation.seeds", "40")
    assert (seeds.returncode, seeds.stderr) == (0, "")
    tests = {planted.noticed.test for planted in SAFEGUARDS if isinstance(planted.noticed, ByTest)}
    done = run(tree, *PYTEST, *sorted(tests))
    assert done.returncode == 0, done.stdout
