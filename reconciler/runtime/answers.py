"""What was answered to a write under a key of the caller's choice, kept so that it can be answered again.

Rules: kept for a day, in the store, and never more than `MOST`; the oldest go first. Whose key it is and what
was asked under it are part of its name: nobody is told another one's answer. That it was begun is on record
before anything is done, so that a process which ends in between leaves a doubt, and no second doing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from reconciler.ports.store import Note
from reconciler.records import dataclass
from reconciler.runtime.parts import Parts

KEPT: Final = timedelta(days=1)
MOST: Final = 1000
BEGUN: Final = 0  # in place of a status, until there is one
PREFIX: Final = "answer "  # of the notes that they are kept as


@dataclass(frozen=True, slots=True)
class Answer:
    asked: str  # a digest of all that was asked
    status: int
    media_type: str
    body: str
    until: datetime

    @property
    def in_doubt(self) -> bool:
        """It was begun, and nobody knows what came of it."""
        return self.status == BEGUN


class Answers:
    def __init__(self, node: Parts) -> None:
        self._node = node
        self._kept: dict[str, Answer] | None = None

    def find(self, name: str) -> Answer | None:
        found = self._all().get(name)
        return found if found is not None and found.until > self._node.clock.now() else None

    async def begin(self, name: str, asked: str) -> None:
        """Before anything is done."""
        await self.keep(name, asked, BEGUN, "", "")

    async def forget(self, name: str) -> None:
        """It was refused, and may be asked again."""
        if self._all().pop(name, None) is not None:
            await self._node.store.commit(Note(PREFIX + name, None))

    async def keep(self, name: str, asked: str, status: int, media_type: str, body: str) -> Answer:
        now = self._node.clock.now()
        kept = self._all()
        answer = Answer(asked, status, media_type, body, now + KEPT)
        over = [old for old, one in kept.items() if one.until <= now]
        over += list(kept)[: max(0, len(kept) - len(over) - MOST + 1)]
        written = [asked, status, media_type, body, answer.until.isoformat()]
        forgotten = [Note(PREFIX + old, None) for old in dict.fromkeys(over)]
        await self._node.store.commit(*forgotten, Note(PREFIX + name, written))
        for old in over:
            kept.pop(old, None)
        kept[name] = answer
        return answer

    def _all(self) -> dict[str, Answer]:
        """With those of the process before."""
        if self._kept is None:
            found = {
                key.removeprefix(PREFIX): _read(value)
                for key, value in self._node.notes.items()
                if key.startswith(PREFIX) and isinstance(value, list)
            }
            self._kept = dict(sorted(found.items(), key=lambda one: one[1].until))
        return self._kept


def _read(note: list[object]) -> Answer:
    asked, status, media_type, body, until = note
    return Answer(
        str(asked), int(str(status)), str(media_type), str(body), datetime.fromisoformat(str(until))
    )
