"""Who has exchanged an API key for tokens: one session each time, from the exchange to the last token's end.

Rules: a session is written down before anybody hears of its tokens, and its end before anybody hears of that;
each refresh token of it counts once, and one that comes again, which two must have then, ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from reconciler.model import Event, JsonValue
from reconciler.ports.store import Note, Store
from reconciler.records import dataclass

PREFIX: Final = "session/"  # of notes in the store
MOST: Final = 100  # of one key; with one more the one that ends first ends now


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    key: str  # `apikey/ci`
    hash: str  # of the secret that was exchanged
    turn: int  # of the refresh token that counts
    until: datetime  # the end of that one

    def note(self) -> Note:
        said = {"key": self.key, "hash": self.hash, "turn": self.turn, "until": self.until.isoformat()}
        return Note(PREFIX + self.id, said)


class Sessions:
    def __init__(self, store: Store, notes: Mapping[str, JsonValue]) -> None:
        self._store = store
        self._open = {one.id: one for one in _restored(notes)}
        self._one_at_a_time = asyncio.Lock()

    def get(self, id: str, now: datetime) -> Session | None:
        """If it goes on."""
        found = self._open.get(id)
        return found if found is not None and now < found.until else None

    async def begin(self, session: Session, now: datetime, told: Event) -> None:
        async with self._one_at_a_time:
            over = [one.id for one in self._open.values() if one.until <= now]
            others = (one for one in self._open.values() if one.key == session.key and one.id not in over)
            over += [one.id for one in sorted(others, key=_end, reverse=True)[MOST - 1 :]]
            await self._store.commit(session.note(), *map(_forgotten, over), told)
            for old in over:
                del self._open[old]
            self._open[session.id] = session

    async def renew(self, id: str, turn: int, until: datetime) -> Session | None:
        """Its next turn, if the last was this one."""
        async with self._one_at_a_time:
            found = self._open.get(id)
            if found is None or found.turn != turn:
                return None
            renewed = Session(id, found.key, found.hash, turn + 1, until)
            await self._store.commit(renewed.note())
            self._open[id] = renewed
            return renewed

    async def end(self, id: str, told: Event) -> None:
        """For all its tokens at once."""
        async with self._one_at_a_time:
            if id in self._open:
                await self._store.commit(_forgotten(id), told)
                del self._open[id]


def _end(session: Session) -> datetime:
    return session.until


def _forgotten(id: str) -> Note:
    return Note(PREFIX + id, None)


def _restored(notes: Mapping[str, JsonValue]) -> Iterator[Session]:
    for key, said in notes.items():
        if key.startswith(PREFIX) and isinstance(said, dict):
            until = datetime.fromisoformat(str(said["until"]))
            turn = int(str(said["turn"]))
            yield Session(key.removeprefix(PREFIX), str(said["key"]), str(said["hash"]), turn, until)
