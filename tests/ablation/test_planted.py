"""Each safeguard is switched off and each fault planted, in a copy of the tree, and somebody notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ablation.faults import FAULTS
from tests.ablation.planted import PYTEST, ByTest, Planted
from tests.ablation.safeguards import SAFEGUARDS
from tests.ablation.tree import copy, run

ALL = [pytest.param(one, id=one.name.replace(" ", "-")) for one in (*SAFEGUARDS, *FAULTS)]


@pytest.mark.parametrize("planted", ALL)
def test_what_is_spoilt_is_noticed(planted: Planted, tmp_path: Path) -> None:
    tree = copy(tmp_path)
    planted.edit.make(tree)
    assert planted.noticed.missed(tree) == ""


def test_a_tree_in_which_nothing_is_spoilt_passes(tmp_path: Path) -> None:
    """Or it would be the copy that fails, and not what was planted."""
    tree = copy(tmp_path)
    seeds = run(tree, "tests.ablation.seeds", "40")
    assert (seeds.returncode, seeds.stderr) == (0, "")
    tests = {one.noticed.test for one in (*SAFEGUARDS, *FAULTS) if isinstance(one.noticed, ByTest)}
    done = run(tree, *PYTEST, *sorted(tests))
    assert done.returncode == 0, done.stdout
