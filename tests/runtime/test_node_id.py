"""The node's id is made once, outlives everything beside it, and is never quietly replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import Corrupt
from reconciler.runtime import node_id


@pytest.mark.req("CORE-27")
def test_an_id_is_made_once(tmp_path: Path) -> None:
    assert node_id.read(tmp_path) == ""
    first = node_id.given(tmp_path)
    assert len(first) == 32
    assert node_id.given(tmp_path) == node_id.read(tmp_path) == first


def test_two_nodes_have_two_ids(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert node_id.given(tmp_path / "one") != node_id.given(tmp_path / "two")


@pytest.mark.parametrize("content", [b"", b"\0" * 32, b"cafe\n", "ä".encode() * 16, b"x" * 32])
def test_a_damaged_one_is_told_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / node_id.FILE
    path.write_bytes(content)
    with pytest.raises(Corrupt) as refused:
        node_id.given(tmp_path)
    assert str(path) in refused.value.message
    assert "put it back from a backup" in refused.value.remedy
    assert path.read_bytes() == content
