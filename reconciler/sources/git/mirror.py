"""One source's bare repository on disk, and everything that is read from it.

Rules: it is a cache: what is torn is thrown away and fetched anew. One node owns the data folder, so a
lock that is there at opening was left by a kill, and goes. Any thread may read; a mutex guards the one
handle, since a handle of libgit2 is no two threads' at once. The user's own git configuration is never
read: `insteadOf` could send a token elsewhere.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import ConfigLevel, ObjectType

from reconciler.errors import Corrupt, Failed, Invalid, Refused, TooLarge
from reconciler.records import dataclass
from reconciler.sources.git.objects import Entry, parse_tree

MAX_PACKS: Final = 64
KEPT_ENTRIES: Final = 30_000  # of folders, in memory
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

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Commit:
    """What is known of a commit. Its text is as somebody wrote it: cleaned before it is shown."""

    id: str
    tree: str
    message: str
    author: str
    at: datetime  # when it was committed, as the committer says


class Mirror:
    """A bare repository in a source's folder, opened or made anew."""

    def __init__(self, home: Path, url: str) -> None:
        self._home = home
        self._prefix = f"{PREFIX}{hashlib.sha256(url.encode()).hexdigest()[:16]}-"
        self.torn = False  # something that should be here was not
        self._lock = threading.Lock()
        self._folders: dict[str, Mapping[str, Entry]] = {}  # their contents never change
        self._room = KEPT_ENTRIES
        self._repository = _open(home, self._prefix)

    @property
    def folder(self) -> Path:
        """Where it is just now; it moves when it is renewed."""
        return Path(self._repository.path)

    def renew(self) -> None:
        """Begin with nothing; who reads through this mirror goes on when it is filled again."""
        with self._lock:
            shutil.rmtree(self.folder)
            self._repository = _make(self._home, self._prefix)
            self.torn = False

    def sweep(self) -> None:
        """Remove what a fetch that was killed has left. Nobody may fetch meanwhile."""
        with self._lock:
            _sweep(self.folder)

    def tidy(self, at_most: int = MAX_PACKS) -> None:
        """Make one pack of many: each fetch leaves one. Nobody may fetch meanwhile."""
        packs = self.folder / "objects" / "pack"
        old = {path.name for path in packs.glob("pack-*.pack")}
        if len(old) <= at_most:
            return
        try:
            self._pack_into_one(packs, old)
        except (OSError, pygit2.GitError) as error:
            log.warning("%s keeps its %d packs for now: %s", self.folder, len(old), error)

    def _pack_into_one(self, packs: Path, old: set[str]) -> None:
        with tempfile.TemporaryDirectory(prefix=NEW, dir=packs) as scratch:
            pygit2.Repository(str(self.folder)).pack(scratch, n_threads=1)
            with self._lock:
                # A pack is seen by its index: the new one's comes last, the old ones' go first.
                for made in sorted(Path(scratch).iterdir(), reverse=True):
                    made.rename(packs / made.name)
                    old.discard(made.name)
                for name in old:
                    (packs / name).with_suffix(".idx").unlink(missing_ok=True)
                    (packs / name).unlink(missing_ok=True)
                self._repository = pygit2.Repository(str(self.folder))

    @contextmanager
    def _reading(self) -> Iterator[pygit2.Repository]:
        with self._lock:
            try:
                yield self._repository
            except TORN as error:
                self.torn = True
                raise Corrupt(f"the mirror {self.folder} is torn: {error}") from error
            except OSError as error:  # it may be whole for all that
                raise Failed(f"the mirror {self.folder} cannot be read: {error}") from error

    # -------------------------------------------------------------------------------------- objects

    def entries(self, tree: str) -> Mapping[str, Entry]:
        known = self._folders.get(tree)
        if known is not None:
            return known
        with self._reading() as repository:
            kind, raw = repository.odb.read(tree)
        if kind != ObjectType.TREE:
            raise Refused(
                f"object {tree} of the repository is no folder", remedy="find out who made this commit"
            )
        self._folders[tree] = found = parse_tree(tree, raw)
        self._room -= len(found)
        if self._room < 0:
            self._folders, self._room = {}, KEPT_ENTRIES
        return found

    def size(self, blob: str) -> int:
        with self._reading() as repository:
            return repository.odb.read_header(blob)[1]

    def blob(self, blob: str, limit: int) -> bytes:
        """The content; refused unread when it is larger than `limit`: a small pack may hold a huge blob."""
        with self._reading() as repository:
            size = repository.odb.read_header(blob)[1]
            if size > limit:
                raise TooLarge(f"the file has {size:,} bytes, and {limit:,} are allowed")
            return repository.odb.read(blob)[1]

    # -------------------------------------------------------------------------------------- commits

    def commit(self, id: str) -> Commit:
        with self._reading() as repository:
            found = repository[id].peel(pygit2.Commit)
            return Commit(
                id=str(found.id),
                tree=str(found.tree_id),
                message=found.raw_message.decode("utf-8", "replace"),
                author=_author(found),
                at=datetime.fromtimestamp(found.commit_time, UTC),
            )

    def signature(self, commit: str) -> tuple[bytes, bytes]:
        """The signature of a commit, and what it signs; empty where there is none."""
        with self._reading() as repository:
            signature, payload = repository[commit].peel(pygit2.Commit).gpg_signature
        return signature or b"", payload or b""

    def expand(self, id: str) -> str:
        """The full id of a commit that is here, from its first digits; empty when there is none, or two."""
        with self._lock:
            try:
                found = self._repository[id]
            except (KeyError, ValueError):
                return ""
        return str(found.id) if found.type == ObjectType.COMMIT else ""

    def contains(self, commit: str, older: str) -> bool:
        """Whether `older` is this commit or an ancestor of it."""
        if commit == older:
            return True
        with self._reading() as repository:
            return older in repository and repository.descendant_of(commit, older)

    def messages(self, commit: str, older: str, limit: int) -> Sequence[str]:
        """The messages of all commits that came with `commit` after `older`, those of merged branches too."""
        with self._reading() as repository:
            walker = repository.walk(repository[commit].id)
            if older and older in repository:
                walker.hide(repository[older].id)
            some = (found for found, _ in zip(walker, range(limit), strict=False))
            return [found.raw_message.decode("utf-8", "replace") for found in some]

    # ------------------------------------------------------------------------------------ references

    def target(self, name: str) -> str:
        """The commit that a reference of the mirror stands for, tags peeled; empty when there is none."""
        with self._reading() as repository:
            reference = repository.references.get(name)
            if reference is None:
                return ""
            try:
                return str(reference.peel(pygit2.Commit).id)
            except pygit2.InvalidSpecError as error:
                raise Invalid("the tag stands for no commit", remedy="tag a commit") from error

    def mark(self, name: str, commit: str) -> None:
        with self._lock:
            try:
                self._repository.references.create(name, commit, force=True)
            except (OSError, pygit2.GitError) as error:
                raise Failed(f"the mirror {self.folder} cannot be written: {error}") from error

    def marks(self, prefix: str) -> Sequence[str]:
        with self._reading() as repository:
            return [name for name in repository.references if name.startswith(prefix)]


def _open(home: Path, prefix: str) -> pygit2.Repository:
    """The one of this address that is there and sound, or a new one; others are removed."""
    _isolate()
    found: pygit2.Repository | None = None
    for path in sorted(home.glob("*")) if home.is_dir() else ():
        if path.name.startswith(prefix) and found is None and _sound(path):
            _sweep(path)
            found = pygit2.Repository(str(path))
        elif path.name.startswith((PREFIX, NEW)):
            _remove(path)
    return found if found is not None else _make(home, prefix)


def _make(home: Path, prefix: str) -> pygit2.Repository:
    """Under a name that was never used: libgit2 keeps open packs in mind by their path."""
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


def _sweep(folder: Path) -> None:
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


def _author(commit: pygit2.Commit) -> str:
    raw_name, raw_email = commit.author.raw_name, commit.author.raw_email
    return f"{raw_name.decode('utf-8', 'replace')} <{raw_email.decode('utf-8', 'replace')}>"
