"""What lies in a folder, read consistently: every file with the digest of its content.

Rules: a file's stamp (inode, size, times) decides whether it must be hashed again; a stamp younger than
`RACY_NS` is not trusted, since a second write within a clock tick leaves no trace. A folder that
changes while it is read is read again. A name that cannot be shown or stored is passed over. Folders
whose name begins with a dot are no part of the tree (`.git`, `.venv`, Kubernetes' `..data`), nor are
editors' temporary files; links are followed, special files are not. What cannot be entered is an error
and never looks like an empty folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.errors import Invalid, Missing, Refused, TooLarge, Unavailable
from reconciler.records import dataclass

RACY_NS: Final = 2_000_000_000
MAX_FILES: Final = 100_000
MAX_NAMES: Final = 2 * MAX_FILES
MAX_BYTES: Final = 16 << 30
ATTEMPTS: Final = 5
NO_NAME: Final = "its name is no UTF-8, or holds control characters: rename it"
UNREADABLE: Final = "unreadable"  # in place of a digest, where a file may not be opened

_TEMPORARY = re.compile(r".*~|#.*#|\.#.*|\..*\.sw[a-z]|4913|.*\.swp|.*___jb_(tmp|old)___")


class Stamp(NamedTuple):
    """Tells without reading whether a file may have changed."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Entry(NamedTuple):
    stamp: Stamp
    digest: str
    racy: bool  # it was written so shortly before it was read that the stamp proves nothing


@dataclass(frozen=True, slots=True)
class Listing:
    """Every file below a root, by its path with slashes."""

    files: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        return {path: entry.digest for path, entry in self.files.items() if has_a_name(path)}

    @property
    def nameless(self) -> list[str]:
        return sorted(path for path in self.files if not has_a_name(path))

    @property
    def revision(self) -> str:
        return f"dir:{combined(self.digests)[:20]}"

    @property
    def proves(self) -> bool:
        """Equal stamps mean equal contents."""
        return not any(entry.racy for entry in self.files.values())

    def bears(self, stamps: Mapping[str, Stamp]) -> bool:
        """Nothing has changed, as far as stamps tell."""
        return {path: entry.stamp for path, entry in self.files.items()} == stamps


def has_a_name(path: str) -> bool:
    """Whether it is text, without control characters."""
    return path.isprintable() or all(unicodedata.category(char) not in {"Cc", "Cs"} for char in path)


def combined(digests: Mapping[str, str]) -> str:
    """One digest for many files: of their paths and contents."""
    total = hashlib.sha256()
    for path in sorted(digests):
        total.update(f"{path}\0{digests[path]}\n".encode())
    return total.hexdigest()


def below(digests: Mapping[str, str], folder: str) -> dict[str, str]:
    """The files of a folder as seen from it, so that the same content has one digest wherever it lies."""
    prefix = f"{folder}/" if folder else ""
    return {path.removeprefix(prefix): d for path, d in digests.items() if path.startswith(prefix)}


def read(root: Path, paths: Sequence[str], last: Listing) -> Listing:
    """List what is there now; what `last` knows already is not hashed again."""
    stamps = walk(root, paths)
    if last.proves and last.bears(stamps):
        return last
    for _ in range(ATTEMPTS):
        files = _hash(root, stamps, last)
        again = walk(root, paths)
        if files is not None and again == stamps:
            return Listing(files)
        last = Listing(files) if files is not None else last
        stamps = again
    raise Unavailable(
        f"{root} keeps changing while it is read",
        remedy="it is tried again; move files that are written all the time out of the source's folder",
    )


def walk(root: Path, paths: Sequence[str]) -> dict[str, Stamp]:
    """Find every file, without opening any."""
    found: dict[str, Stamp] = {}
    size = 0
    for path in paths:
        for name, stamp in _below(root, clean(path)):
            if name not in found:
                found[name] = stamp
                size += stamp.size
            if len(found) > MAX_FILES or size > MAX_BYTES:
                raise TooLarge(
                    f"{root} holds more than {MAX_FILES} files or {MAX_BYTES >> 30} GiB",
                    remedy="name the folders that hold manifests in `paths`",
                )
    return found


def clean(path: str) -> str:
    """A path inside a tree, as its files are named."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts or path.startswith("/"):
        raise Invalid(f"'{path}' leads out of the source", remedy="write a path inside it, such as `apps`")
    return "/".join(parts)


def _below(root: Path, path: str) -> Iterator[tuple[str, Stamp]]:
    try:
        start = (root / path).stat()
    except FileNotFoundError as error:
        raise Missing(f"{root / path} does not exist", remedy="create it, or correct the path") from error
    except OSError as error:
        raise Refused(f"{root / path} cannot be entered: {error.strerror}") from error
    if stat.S_ISREG(start.st_mode):
        yield path, Stamp.of(start)
    else:
        yield from _inside(root, path, (start.st_dev, start.st_ino))


def _inside(root: Path, path: str, own: tuple[int, int]) -> Iterator[tuple[str, Stamp]]:
    room = MAX_NAMES
    stack = [(path, frozenset({own}))]
    while stack:
        folder, above = stack.pop()
        entries = _entries(root, folder)
        room -= len(entries)
        if room < 0:
            raise _too_many_ways(root / path)
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            found = _look(root, name, entry)
            if found is None:
                continue
            own = (found.st_dev, found.st_ino)
            if stat.S_ISDIR(found.st_mode):
                if not entry.name.startswith(".") and own not in above:  # a link to a folder above is a loop
                    stack.append((name, above | {own}))
            elif stat.S_ISREG(found.st_mode) and not _TEMPORARY.fullmatch(entry.name):
                yield name, Stamp.of(found)


def _too_many_ways(folder: Path) -> TooLarge:
    """Links between a few folders make very many ways to each, and none of them need be a loop."""
    return TooLarge(
        f"{folder} holds more than {MAX_NAMES} names, each counted by every way to it",
        remedy="remove links between its folders, or name the folders that hold manifests in `paths`",
    )


def _look(root: Path, name: str, entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None  # a dangling link, or it went away just now: the second look tells
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None  # a link to itself is as dangling as one to nowhere
        raise Refused(f"{root / name} cannot be looked at: {error.strerror}") from error


def _entries(root: Path, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []  # it went away just now: the second look tells
    except OSError as error:
        raise Refused(
            f"{root / folder} cannot be read: {error.strerror}", remedy="let the node's user read it"
        ) from error


def _hash(root: Path, stamps: Mapping[str, Stamp], last: Listing) -> dict[str, Entry] | None:
    """Every file's entry; None when one moved meanwhile."""
    files: dict[str, Entry] = {}
    for path, stamp in stamps.items():
        known = last.files.get(path)
        if known is not None and known.stamp == stamp and not known.racy:
            files[path] = known
            continue
        entry = _entry(root / path, stamp)
        if entry is None:
            return None
        files[path] = entry
    return files


def _entry(path: Path, stamp: Stamp) -> Entry | None:
    racy = time.time_ns() - max(stamp.modified_ns, stamp.changed_ns) < RACY_NS
    try:
        content, opened = load(path)
    except (FileNotFoundError, IsADirectoryError):
        return None
    except PermissionError as error:
        return Entry(stamp, f"{UNREADABLE}:{error.strerror}", racy=False)
    except OSError as error:  # a lease, too many open files: no stamp tells when that is over
        return Entry(stamp, f"{UNREADABLE}:{error.strerror}", racy=True)
    return Entry(stamp, content, racy) if opened == stamp else None


def load(path: Path) -> tuple[str, Stamp]:
    """The digest of a file, and the stamp of what was read."""
    with unblocked(path) as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise FileNotFoundError(path)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(file.fileno())
    return digest, Stamp.of(after) if Stamp.of(before) == Stamp.of(after) else Stamp(0, 0, 0, 0, 0)


def unblocked(path: Path) -> FileIO:
    """The file, open to be read, without waiting: it may be a pipe by now, which nobody writes to."""
    return FileIO(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
