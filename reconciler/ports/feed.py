"""Where the revisions of one source come from, whatever the technology."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from reconciler.model import Ref, Tree
from reconciler.records import dataclass


@dataclass(frozen=True, slots=True)
class Fetched:
    """One revision of a source, ready to be read."""

    revision: str
    tree: Tree
    paths: Mapping[str, str]  # path -> content digest of every file of the tree (below the source's paths)
    at: datetime
    message: str = ""
    author: str = ""
    signer: str = ""  # whose signature was verified; empty when none was asked for
    allow_prune: bool = False  # it says by name that it may remove much
    deleted: frozenset[Ref] = frozenset()  # what a person has deleted one by one
    notices: tuple[str, ...] = ()  # what was passed over in the tree, and why: for people, no error


class Feed(Protocol):
    """One technology that a source's revisions come from."""

    @property
    def deaf(self) -> str:
        """Why it is not told of changes, and looks by itself instead; empty: that is as it should be."""
        ...

    async def changed(self) -> None:
        """Return when there may be something new: a watch, a poll, a push. May return too often."""
        ...

    def poke(self) -> None:
        """Let `changed` return at once."""
        ...

    async def latest(self, applied: str = "") -> Fetched:
        """The newest revision. `applied` is the one in force, if any: history is judged from there on."""
        ...

    async def at(self, revision: str) -> Fetched: ...
    async def collect(self, keep: Collection[str]) -> None:
        """Free what only other revisions than these need, such as folders that were exported."""
        ...

    async def discard(self) -> None:
        """Remove what was kept on disk for it: nobody follows it any more. It is closed already."""
        ...

    async def close(self) -> None: ...
