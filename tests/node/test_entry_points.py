"""What distributions offer is found as `importlib.metadata` finds it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from reconciler.runtime.entry_points import entry_points

GROUPS = sorted(metadata.entry_points().groups)
FOUND = "[ours]\nthing = holdfast_offered:Outer.inner\n"


def as_the_library_finds(group: str, path: list[str]) -> list[tuple[str, str]]:
    found = (each for one in metadata.distributions(path=path) for each in one.entry_points)
    return sorted({(one.name, one.value) for one in found if one.group == group})


def as_we_find(group: str, path: list[str]) -> list[tuple[str, str]]:
    return sorted({(one.name, one.value) for one in entry_points(group, path)})


@pytest.mark.parametrize("group", GROUPS)
def test_of_all_that_is_installed_here(group: str) -> None:
    assert as_we_find(group, sys.path) == as_the_library_finds(group, sys.path) != []


@pytest.fixture
def offered(tmp_path: Path) -> Callable[[str, str], Path]:
    def offer(distribution: str, text: str) -> Path:
        place = tmp_path / distribution
        place.mkdir(parents=True)
        place.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: An.Other\nVersion: 1.0\n")
        place.joinpath("entry_points.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
        return place.parent

    return offer


SPACED = """
# a comment
 [other]
a = b:c

[ours]
# e = f:g
h=i:j [k, l]
  m  =  n : o
p = q=r
[last]
"""


@pytest.mark.parametrize("text", [FOUND, SPACED, ""])
@pytest.mark.parametrize("folder", ["an_other-1.0.dist-info", "An.Other-1.0.egg-info", "an_other.egg-info"])
def test_however_it_is_written(offered: Callable[[str, str], Path], folder: str, text: str) -> None:
    path = [str(offered(folder, text))]
    assert as_we_find("ours", path) == as_the_library_finds("ours", path)


def test_the_first_of_one_name_on_the_path_counts(offered: Callable[[str, str], Path]) -> None:
    path = [
        str(offered("first/an_other-1.0.dist-info", FOUND)),
        str(offered("second/An.Other-2.0.dist-info", FOUND.replace("thing", "nothing"))),
    ]
    (only,) = entry_points("ours", path)
    assert only.name == "thing"
    assert (only.distribution.name, only.distribution.version) == ("An.Other", "1.0")


def test_what_is_named_is_loaded(
    offered: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(
        "an_other-1.0.dist-info", f"{FOUND}all = holdfast_offered\nspaced = holdfast_offered : Outer [x]\n"
    )
    (tmp_path / "holdfast_offered.py").write_text("class Outer:\n    inner = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {one.name: one.load() for one in entry_points("ours", [str(tmp_path)])}
    assert found["thing"] == 7
    assert found["all"].Outer.inner == 7
    assert found["spaced"] is found["all"].Outer


def test_of_what_cannot_be_read_the_rest_is_found(
    offered: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """The library makes an error of a line without a value."""
    offered("an_other-1.0.dist-info", f"[\n{FOUND}without a value\n\udcff = a:b\n")
    archive = tmp_path / "some.zip"
    archive.write_bytes(b"PK")
    (tmp_path / "empty-1.0.dist-info").mkdir()
    (tmp_path / "file-1.0.dist-info").write_text("")
    path = [str(archive), str(tmp_path / "nowhere"), str(tmp_path)]
    assert [one.name for one in entry_points("ours", path)] == ["thing", "\ufffd"]
