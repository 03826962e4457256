"""What a killed node has left of its caches is removed when the next one starts; what is in use stays."""

from __future__ import annotations

from pathlib import Path

from reconciler.sources.homes import exports, mirrors, sweep


def test_the_mirrors_of_sources_that_are_gone_and_old_exports_are_swept(tmp_path: Path) -> None:
    kept, gone, old = (
        mirrors(tmp_path, "team/shop"),
        mirrors(tmp_path, "gone"),
        exports(tmp_path) / "revision-1",
    )
    for folder in (kept, gone, old):
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
    (tmp_path / "holdfast.db").write_text("")
    sweep(tmp_path, ["team/shop"])
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        str((kept / "file").relative_to(tmp_path)),
        "holdfast.db",
    ]
    sweep(tmp_path / "nothing is here yet", [])
