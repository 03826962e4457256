"""One source's bare repository on disk, and everything that is read from it.

Rules: it is a cache: what is torn is thrown away and fetched anew. Any thread may read; a mutex guards the
one handle, since a handle of libgit2 is no two threads' at once.
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
from pygit2.enums import ObjectType

from reconciler.errors import Corrupt, Failed, Invalid, Refused, TooLarge
from reconciler.records import dataclass
from reconciler.sources.git.mirror_folder import NEW, PREFIX, TORN, make_in, open_in, sweep
from reconciler.sources.git.objects import Entry, parse_tree

MAX_PACKS: Final = 64
MAX_FOLDER: Final = 16 << 20  # bytes: some 300,000 names
KEPT_ENTRIES: Final = 30_000  # of folders, in memory


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
        self._repository = open_in(home, self._prefix)

    @property
    def folder(self) -> Path:
        """Where it is just now; it moves when it is renewed."""
        return Path(self._repository.path)

    def renew(self) -> None:
        """Begin with nothing; who reads through this mirror goes on when it is filled again."""
        with self._lock:
            shutil.rmtree(self.folder)
            self._repository = make_in(self._home, self._prefix)
            self.torn = False

    def sweep(self) -> None:
        """Remove what a fetch that was killed has left. Nobody may fetch meanwhile."""
        with self._lock:
            sweep(self.folder)

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
            if (size := repository.odb.read_header(tree)[1]) > MAX_FOLDER:
                raise TooLarge(
                    f"folder {tree} of the repository takes {size:,} bytes, and {MAX_FOLDER:,} are allowed",
                    remedy="divide it",
                )
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
                at=_time(found),
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


def _time(commit: pygit2.Commit) -> datetime:
    try:
        return datetime.fromtimestamp(commit.commit_time, UTC)
    except (ValueError, OSError, OverflowError) as error:
        raise Refused(
            f"commit {commit.id} was made at a time that is none", remedy="find out who made this commit"
        ) from error


def _author(commit: pygit2.Commit) -> str:
    raw_name, raw_email = commit.author.raw_name, commit.author.raw_email
    return f"{raw_name.decode('utf-8', 'replace')} <{raw_email.decode('utf-8', 'replace')}>"
