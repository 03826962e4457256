"""Where a source keeps on disk what it could fetch again, and what is swept from there.

Rules: it is all a cache, each source's apart from the others'; whoever sweeps holds the data folder's lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def mirrors(data: Path, source: str) -> Path:
    """A source's own, though another may have the same address: what one may read is not for the other."""
    return data / "git" / hashlib.sha256(source.encode()).hexdigest()[:32]


def exports(data: Path) -> Path:
    """Where earlier revisions out of the store lie while somebody needs them as folders."""
    return data / "exports"


def sweep(data: Path, followed: Iterable[str]) -> None:
    """Remove what a killed node has left: the mirrors of sources that are gone, folders of old revisions."""
    import shutil  # a command that reads has no need of it

    known = {mirrors(data, source) for source in followed}
    left = [folder for folder in (data / "git").glob("*") if folder not in known]
    for folder in (*left, exports(data)):
        shutil.rmtree(folder, ignore_errors=True)
