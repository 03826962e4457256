"""Git's objects as this room sees them: folders with entries, compared by id, links followed inside.

Rules: nothing is checked out; where two ids are the same nothing is read. A link is followed within the
repository and refused where it leaves it. A name that no file may have refuses the whole revision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from reconciler.errors import Missing, Refused, TooLarge
from reconciler.model import EMPTY

MAX_DEPTH: Final = 64
MAX_HOPS: Final = 40  # links followed for one path, as Linux does
MAX_LINK: Final = 4096

FOLDER: Final = 0o040000
LINK: Final = 0o120000
SUBMODULE: Final = 0o160000
EXECUTABLE: Final = 0o100755

_RECORD: Final = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
_FRAME: Final = len(b" \0") + 20
_NO_NAMES: Final = {".", "..", ".git", ".GIT", ".Git"}
_WHO: Final = "git itself writes no such folder: find out who made this commit"


class Entry(NamedTuple):
    """One name in a folder, at one revision."""

    mode: int
    id: str

    @property
    def digest(self) -> str:
        """Of a file: its content, and whether it can be run. Of a folder: all that is in it."""
        return f"{self.id}+x" if self.mode == EXECUTABLE else self.id


class Objects(Protocol):
    """Where the contents are."""

    def entries(self, tree: str) -> Mapping[str, Entry]: ...
    def size(self, blob: str) -> int: ...
    def blob(self, blob: str, limit: int) -> bytes: ...


Difference = tuple[str, Entry | None, Entry | None]


def parse_tree(id: str, raw: bytes) -> dict[str, Entry]:
    """Read git's records `mode name NUL id`. Bytes that are no UTF-8 stay in a name, as surrogates."""
    records = _RECORD.findall(raw)
    if sum(len(mode) + len(name) for mode, name, _ in records) + _FRAME * len(records) != len(raw):
        raise Refused(f"folder {id} of the repository cannot be read", remedy=_WHO)
    found = {
        name.decode("utf-8", "surrogateescape"): Entry(int(mode, 8), raw_id.hex())
        for mode, name, raw_id in records
    }
    wrong = [name for name in found if name in _NO_NAMES or "/" in name]
    if wrong or len(found) != len(records):
        which = f"a name that no file may have: {wrong[0]!r}" if wrong else "a name twice"
        raise Refused(f"folder {id} of the repository holds {which}", remedy=_WHO)
    return found


def differences(
    objects: Objects, old: Entry | None, new: Entry | None, path: str, *, hidden: bool
) -> Iterator[Difference]:
    """Every leaf (file, link, submodule) at `path` or below that is not the same in both.

    Without `hidden`, folders whose name begins with a dot are not entered.
    """
    if old == new:
        return
    old_tree = old.id if old is not None and old.mode == FOLDER else ""
    new_tree = new.id if new is not None and new.mode == FOLDER else ""
    if old_tree or new_tree:
        if path.count("/") >= MAX_DEPTH:
            raise TooLarge(f"the repository's folders are more than {MAX_DEPTH} deep")
        was = objects.entries(old_tree) if old_tree else EMPTY
        now = objects.entries(new_tree) if new_tree else EMPTY
        for name in {name for name, _ in was.items() ^ now.items()}:
            below = f"{path}/{name}" if path else name
            skipped = name.startswith(".") and not hidden
            yield from differences(
                objects, _leaf(was.get(name), skipped), _leaf(now.get(name), skipped), below, hidden=hidden
            )
    leaves = (None if old_tree else old, None if new_tree else new)
    if leaves != (None, None):
        yield path, *leaves


def _leaf(entry: Entry | None, only_leaves: bool) -> Entry | None:
    return None if only_leaves and entry is not None and entry.mode == FOLDER else entry


def find(objects: Objects, root: str, path: str) -> Entry:
    """What stands at `path` below the folder `root`; links are followed, as a file system would."""
    above: list[Entry] = []
    here = Entry(FOLDER, root)
    parts = path.split("/")[::-1]
    hops = 0
    while parts:
        part = parts.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if not above:
                raise Refused(f"'{path}' leads out of the repository", remedy="stay inside it")
            here = above.pop()
            continue
        entry = objects.entries(here.id).get(part) if here.mode == FOLDER else None
        if entry is None:
            raise Missing(f"'{path}' is not in the repository at this revision")
        if entry.mode != LINK:
            above.append(here)
            here = entry
            continue
        hops += 1
        target = objects.blob(entry.id, MAX_LINK).decode("utf-8", "surrogateescape")
        if hops > MAX_HOPS or target.startswith("/"):
            reason = "leads out of the repository" if hops <= MAX_HOPS else "leads in a circle"
            raise Refused(f"'{path}': a link {reason}", remedy="link to a path inside the repository")
        parts.extend(target.split("/")[::-1])
    return here
