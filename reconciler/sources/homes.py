"""Where a source keeps on disk what it could fetch again, and what is swept from there.

Rules: it is all a cache, each source's apart from the others'; whoever sweeps holds the data folder's lock. A
folder that a process lives in stays until a sweep finds it empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from reconciler.sources.occupied import vacant


def mirrors(data: Path, source: str) -> Path:
    """A source's own, though another may have the same address: what one may read is not for the other."""
    return data / "git" / hashlib.sha256(source.encode()).hexdigest()[:32]


def exported(home: Path) -> Path:
    """Where a source's folders lie that something must run or be packed in."""
    return home / "exports"


def exports(data: Path) -> Path:
    """Where earlier revisions out of the store lie while somebody needs them as folders."""
    return data / "exports"


def sweep(data: Path, followed: Iterable[str]) -> None:
    """Remove what a killed node has left: the mirrors of sources that are gone, folders of old revisions."""
    known = {mirrors(data, source) for source in followed}
    for home in (data / "git").glob("*"):
        if home not in known:
            remove(home)
    _remove_all(vacant(exports(data).glob("*")))


def remove(home: Path) -> None:
    """All that is kept of a source that nobody follows any more."""
    folders = list(exported(home).glob("*"))
    free = vacant(folders)
    if free == folders:
        _remove_all([home])
    else:
        _remove_all([*free, *(each for each in home.glob("*") if each != exported(home))])


def _remove_all(folders: Iterable[Path]) -> None:
    import shutil  # a command that reads has no need of it

    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
