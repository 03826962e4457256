"""What the store remembers of a source: which revision is in force, which one is bad, and their contents.

Rules: the newest revision that was taken into force and not taken back is the one in force, whatever
came after it and was held; what a restart needs is here and nowhere else; recording the same twice
writes once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.errors import NotFound
from reconciler.model import Event
from reconciler.ports import Clock, Feed, Fetched, Revision, Store
from reconciler.sources.stored_tree import StoredTree, contents, recalled

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
    def __init__(self, source: str, memory: Memory, *, keeps_contents: bool) -> None:
        self._source = source
        self._memory = memory
        self._keeps_contents = keeps_contents
        self._outcomes: dict[str, str] = {}  # by revision, the newest last

    async def load(self) -> None:
        rows = await self._memory.store.revisions(self._source, LOOK_BACK)
        self._outcomes = {row.revision: row.outcome for row in reversed(rows)}

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

    async def record(self, fetched: Fetched, outcome: str, message: str = "") -> None:
        """Write down what became of a revision, with an event."""
        revision, known = fetched.revision, self.outcome(fetched.revision)
        if outcome == APPLIED:
            if self.applied[:1] == (revision,):
                return  # it is in force already, whatever was found out about it since
            keeps = self._keeps_contents and not isinstance(fetched.tree, StoredTree)
            await self._commit((revision, outcome, message), files=contents(fetched) if keeps else None)
        elif known != outcome and known not in {*IN_FORCE, ROLLED_BACK}:
            # One that was in force once is not forgotten because it may not be so again.
            await self._commit((revision, outcome, message))

    async def judged(self, revision: str, outcome: str, message: str) -> None:
        await self._commit((revision, outcome, message))

    async def go_back(self, bad: str, good: str, message: str) -> None:
        """One revision is bad, and the other is in force from now on, in one commit."""
        await self._commit((bad, ROLLED_BACK, message), (good, APPLIED, f"in place of {bad}"))

    async def _commit(self, *rows: tuple[str, str, str], files: Mapping[str, bytes] | None = None) -> None:
        now = self._memory.clock.now()
        await self._memory.store.commit(
            *(
                Revision(self._source, revision, now, outcome, message, files)
                for revision, outcome, message in rows
            ),
            *(
                Event(
                    f"source.{outcome}",
                    now,
                    None,
                    {"source": self._source, "revision": revision, "message": message},
                )
                for revision, outcome, message in rows
            ),
        )
        for revision, outcome, _ in rows:
            self._outcomes.pop(revision, None)
            self._outcomes[revision] = outcome

    async def recall(self, revision: str, feed: Feed) -> Fetched:
        """An earlier revision, ready to be read again."""
        memory = self._memory
        with suppress(NotFound):
            files = await memory.store.revision_files(self._source, revision)
            return recalled(revision, files, memory.scratch, memory.clock.now())
        return await feed.at(revision)
