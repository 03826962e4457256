"""The folder of a mirror: opened if it is sound, made anew if not, and rid of what a kill has left.

Rules: one node owns the data folder, so a lock that is there at opening was left by a kill, and goes. The
user's own git configuration is never read: `insteadOf` could send a token elsewhere.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import ConfigLevel

DIGEST: Final = 20  # bytes, of git's SHA-1
PREFIX: Final = "mirror-"
NEW: Final = ".new-"
LEFT_BY_A_KILL: Final = (
    f"objects/pack/{NEW}*",
    "objects/pack/pack_git2_*",
    "objects/pack/tmp_*",
    "objects/**/tmp_obj_*",
    "**/*.lock",
)
# How libgit2 shows that something is missing or garbled; a garbled size is more memory than there is.
TORN: Final = (KeyError, ValueError, MemoryError, pygit2.GitError)


def open_in(home: Path, prefix: str) -> pygit2.Repository:
    """The one of this address that is there and sound, or a new one; others are removed."""
    _isolate()
    found: pygit2.Repository | None = None
    for path in sorted(home.glob("*")) if home.is_dir() else ():
        if path.name.startswith(prefix) and found is None and _sound(path):
            sweep(path)
            found = pygit2.Repository(str(path))
        elif path.name.startswith((PREFIX, NEW)):
            _remove(path)
    return found if found is not None else make_in(home, prefix)


def make_in(home: Path, prefix: str) -> pygit2.Repository:
    """A new one, under a name that was never used: libgit2 keeps open packs in mind by their path."""
    home.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=NEW, dir=home))
    repository = pygit2.init_repository(str(made), bare=True)
    repository.config["http.followRedirects"] = "false"  # only within the same host, then
    return pygit2.Repository(str(made.rename(made.with_name(made.name.replace(NEW, prefix)))))


def _sound(folder: Path) -> bool:
    """Whether a kill or a power cut has left it whole, as far as can be told without reading all of it.

    libgit2 does not survive every index that is torn, so it may not see one.
    """
    try:
        for pack in (folder / "objects" / "pack").glob("pack-*.pack"):
            index = pack.with_suffix(".idx").read_bytes()
            if hashlib.sha1(index[:-DIGEST], usedforsecurity=False).digest() != index[-DIGEST:]:
                return False
        repository = pygit2.Repository(str(folder))
        # By file: libgit2 does not list what it cannot read.
        marks = [path for path in (folder / "refs").rglob("*") if path.is_file() and path.suffix != ".lock"]
        return all(_points_at_something(repository, path.read_text().strip()) for path in marks)
    except (OSError, *TORN):
        return False


def _points_at_something(repository: pygit2.Repository, id: str) -> bool:
    return str(repository[id].id) == id  # one that was cut off would still be found


def sweep(folder: Path) -> None:
    """Remove what a fetch that was killed has left."""
    for left in [path for pattern in LEFT_BY_A_KILL for path in folder.glob(pattern)]:
        _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _isolate() -> None:
    """For the whole process, which is ours: no configuration but the mirror's own."""
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = ""
    # A repository named in a manifest may be another user's: nothing that its configuration says is run.
    pygit2.settings.owner_validation = False
