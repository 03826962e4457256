"""What the store remembers of a source: which revision is in force, which one is bad, and their contents.

Rules: the newest revision that was taken into force and not taken back is the one in force, whatever
came after it and was held; what a restart needs is here and nowhere else; recording the same twice
writes once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconciler.errors import NotFound
from reconciler.model import Event
from reconciler.ports.clock import Clock
from reconciler.ports.feed import Feed, Fetched
from reconciler.ports.store import Note, Revision, Store
from reconciler.records import dataclass
from reconciler.sources.live_tree import LiveTree
from reconciler.sources.stored_tree import FleetingTree, contents, recalled

MANIFESTS: Final = "manifests of "  # the note of their names, which a restart needs to know a torn one by
LOOK_BACK: Final = 2000  # revisions: however many were held since, the one in force is among them

APPLIED: Final = "applied"  # in force, and not judged yet
READY: Final = "ready"  # all that it changed came up
FAILED: Final = "failed"  # it did not, and stays in force
ROLLED_BACK: Final = "rolled-back"  # it did not, and was taken back: bad
HELD: Final = "held"
REFUSED: Final = "refused"
IN_FORCE: Final = frozenset({APPLIED, READY, FAILED})


@dataclass(frozen=True, slots=True)
class Memory:
    """Where a history is kept."""

    store: Store
    clock: Clock
    scratch: Path  # for the folders of earlier revisions, when somebody needs a real one


class History:
    def __init__(self, source: str, memory: Memory) -> None:
        self._source = source
        self._memory = memory
        self._outcomes: dict[str, str] = {}  # by revision, the newest last
        self._note = f"{MANIFESTS}{source}"
        self.manifests: frozenset[str] = frozenset()  # the files that declare what is in force

    async def load(self) -> None:
        rows = await self._memory.store.revisions(self._source, LOOK_BACK)
        self._outcomes = {row.revision: row.outcome for row in reversed(rows)}
        kept = await self._memory.store.note(self._note)
        self.manifests = frozenset(map(str, kept)) if isinstance(kept, list) else frozenset()

    @property
    def applied(self) -> tuple[str, ...]:
        """Every revision that was in force and not taken back, the newest first."""
        return tuple(r for r, outcome in reversed(self._outcomes.items()) if outcome in IN_FORCE)

    def outcome(self, revision: str) -> str:
        return self._outcomes.get(revision, "")

    def is_bad(self, revision: str) -> bool:
        return self.outcome(revision) == ROLLED_BACK

    def good(self, but: str) -> str:
        """The newest revision to go back to: one that came up, else one that was in force."""
        others = [revision for revision in self.applied if revision != but]
        proven = [revision for revision in others if self.outcome(revision) == READY]
        return next(iter(proven or others), "")

    async def to_keep(self, fetched: Fetched) -> Mapping[str, bytes] | None:
        """The contents that must be recorded with a revision that is about to come into force."""
        # A folder or a cluster cannot give its past back; a repository can, and the store has what it gave.
        tree = fetched.tree
        if self.applied[:1] == (fetched.revision,):
            return None
        if isinstance(tree, FleetingTree):
            return tree.files
        return await asyncio.to_thread(contents, tree) if isinstance(tree, LiveTree) else None

    async def takes_force(
        self, revision: str, files: Mapping[str, bytes] | None, manifests: frozenset[str] = frozenset()
    ) -> None:
        known = manifests == self.manifests
        note = [] if known else [Note(self._note, sorted(manifests))]
        if self.applied[:1] != (revision,):  # else it was so already, whatever was found out about it since
            await self._commit((revision, APPLIED, ""), files=files, besides=note)
        elif note:
            await self._memory.store.commit(*note)
        self.manifests = manifests

    async def forget_manifests(self) -> None:
        if self.manifests:
            await self._memory.store.commit(Note(self._note, None))
            self.manifests = frozenset()

    async def held(self, revision: str, outcome: str, message: str) -> None:
        """It did not come into force; one that was so once is not forgotten for that."""
        known = self.outcome(revision)
        if known != outcome and known not in {*IN_FORCE, ROLLED_BACK}:
            await self._commit((revision, outcome, message))

    async def judged(self, revision: str, outcome: str, message: str) -> None:
        await self._commit((revision, outcome, message))

    async def go_back(self, bad: str, good: str, message: str) -> None:
        """One revision is bad, and the other is in force from now on, in one commit."""
        await self._commit((bad, ROLLED_BACK, message), (good, APPLIED, f"in place of {bad}"))

    async def _commit(
        self,
        *rows: tuple[str, str, str],
        files: Mapping[str, bytes] | None = None,
        besides: Iterable[Note] = (),
    ) -> None:
        now, source = self._memory.clock.now(), self._source
        writes: list[Revision | Event | Note] = [*besides]
        for revision, outcome, message in rows:
            data = {"source": source, "revision": revision, "message": message}
            writes.append(Revision(source, revision, now, outcome, message, files))
            writes.append(Event(f"source.{outcome}", now, None, data))
        await self._memory.store.commit(*writes)
        for revision, outcome, _ in rows:
            self._outcomes.pop(revision, None)
            self._outcomes[revision] = outcome
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        """As a restart would, but for what is in force."""
        in_force = self.applied[:1] if len(self._outcomes) > LOOK_BACK else ()
        for revision in list(self._outcomes)[: max(0, len(self._outcomes) - LOOK_BACK)]:
            if revision not in in_force:
                del self._outcomes[revision]

    async def recall(self, revision: str, feed: Feed) -> Fetched:
        """An earlier revision, ready to be read again."""
        memory = self._memory
        with suppress(NotFound):
            files = await memory.store.revision_files(self._source, revision)
            return recalled(revision, files, memory.scratch, memory.clock.now())
        return await feed.at(revision)
