"""Files as careful programs save them: whoever looks finds the old one or the new one, never half of it."""

from __future__ import annotations

from pathlib import Path


def save(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.swp")
    draft.write_text(text)
    draft.rename(path)
