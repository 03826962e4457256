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


@pytest.mark.req("CORE-27")
def test_a_folder_that_was_copied_to_another_machine_is_told(tmp_path: Path) -> None:
    here, there, data = tmp_path / "here", tmp_path / "there", tmp_path / "data"
    here.write_text("1" * 32)
    there.write_text("2" * 32)
    data.mkdir()
    assert [node_id.trouble(data, here) for _ in range(2)] == ["", ""]
    told = node_id.trouble(data, there)
    assert told == node_id.trouble(data, there), "until somebody has said what it is"
    assert f"remove {data / node_id.MACHINE}; " in told
    assert node_id.trouble(data, here) == ""
    (data / node_id.MACHINE).unlink()
    assert [node_id.trouble(data, there) for _ in range(2)] == ["", ""]


@pytest.mark.parametrize("content", [b"", b"\n", None])
def test_a_machine_without_an_id_is_any(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "machine-id").write_bytes(content)
    assert node_id.trouble(tmp_path, tmp_path / "machine-id") == ""
    assert not (tmp_path / node_id.MACHINE).exists()
