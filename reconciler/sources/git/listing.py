"""Every file below a source's paths, at one revision, made from the listing of the one before it.

Rules: only folders whose ids differ are read, so a commit costs what it changed. Folders whose name
begins with a dot are left out, as in a source that is a folder (`.github`, `.venv`). A link to a file
counts as that file; all else that is no file is passed over with a notice, and never looks as if nothing
were declared there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from reconciler.errors import Missing, Problem, TooLarge
from reconciler.records import dataclass
from reconciler.sources.git.objects import FOLDER, LINK, SUBMODULE, Entry, Objects, differences, find
from reconciler.sources.git.transport import cleaned
from reconciler.sources.listing import NO_NAME, clean, has_a_name

MAX_FILES: Final = 200_000
MAX_TOLD: Final = 20  # notices


def scope(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths without those that lie in another one; the whole repository is `''`."""
    found: list[str] = []
    for path in sorted({clean(path) for path in paths}):
        if not any(above in {"", path} or path.startswith(f"{above}/") for above in found):
            found.append(path)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is at a tree, below some paths."""

    tree: str = ""
    files: Mapping[str, str] = field(default_factory=dict)  # path -> digest
    links: frozenset[str] = frozenset()
    notices: Mapping[str, str] = field(default_factory=dict)  # path -> why it was passed over

    def moved_to(self, objects: Objects, tree: str, paths: Sequence[str]) -> Listing:
        """The listing of another tree, below the same paths."""
        files, links, notices = dict(self.files), set(self.links), dict(self.notices)
        for start in paths:
            old = _start(objects, self.tree, start) if self.tree else None
            new = _start(objects, tree, start)
            for path, _, entry in differences(objects, old, new, start, hidden=False):
                files.pop(path, None)
                links.discard(path)
                notices.pop(path, None)
                reason = _unfit(path, entry) if entry is not None else ""
                if reason:
                    notices[path] = reason
                elif entry is not None and entry.mode == LINK:
                    links.add(path)
                elif entry is not None:
                    files[path] = entry.digest
                if len(files) + len(links) + len(notices) > MAX_FILES:
                    raise TooLarge(
                        f"the repository holds more than {MAX_FILES:,} files",
                        remedy="name the folders that hold manifests in `paths`",
                    )
        for path in links:  # anew each time: what a link leads to may have changed, and it has not
            _follow(objects, tree, path, files, notices)
        return Listing(tree, files, frozenset(links), notices)

    def told(self) -> tuple[str, ...]:
        """The notices for people: not without end, and without tricks."""
        some = [f"{path}: {reason}" for path, reason in sorted(self.notices.items())[:MAX_TOLD]]
        more = len(self.notices) - len(some)
        return (*map(cleaned, some), *([f"and {more} more"] if more else []))


def _start(objects: Objects, tree: str, path: str) -> Entry:
    try:
        return find(objects, tree, path)
    except Missing as error:
        top = ", ".join(sorted(objects.entries(tree))[:10])
        raise Missing(error.message, remedy=f"correct the source's `paths`; at the top are: {top}") from error


def _unfit(path: str, entry: Entry) -> str:
    if entry.mode == SUBMODULE:
        return "a submodule: declare its repository as a Source of its own"
    return "" if has_a_name(path) else NO_NAME


def _follow(objects: Objects, tree: str, path: str, files: dict[str, str], notices: dict[str, str]) -> None:
    files.pop(path, None)
    notices.pop(path, None)
    try:
        entry = find(objects, tree, path)
    except Problem as error:
        notices[path] = f"a link that leads to no file: {error.message}"
        return
    if entry.mode == FOLDER:
        notices[path] = "a link to a folder is not followed: name that folder in `paths`"
    else:
        files[path] = entry.digest
