"""A folder as a source: its revision is the digest of all its contents.

Rules: the kernel's hints make it quick, a slow look beneath makes it certain, and what was looked at
decides. A burst of writes is waited out, but not for ever. A folder that is not there (yet, or any
more) is an error that ends by itself; it never means that nothing is declared.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconciler.errors import NotFound, Problem
from reconciler.ports.clock import Clock
from reconciler.ports.feed import Fetched
from reconciler.ports.sources import SourceConfig
from reconciler.records import dataclass
from reconciler.sources.listing import NO_NAME, Listing, read, walk
from reconciler.sources.live_tree import LiveTree
from reconciler.sources.watch import Watch, folders
from reconciler.spelling import shown


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often to look, in seconds."""

    absent: float = 1.0  # while the folder is missing, or the kernel refuses to watch
    quiet: float = 0.05  # a burst of writes is over after this
    burst: float = 1.0  # and is looked at after this even if it goes on


RHYTHM: Final = Rhythm()


class DirectoryFeed:
    """The revisions of one folder, or of one file in it."""

    def __init__(self, config: SourceConfig, clock: Clock, rhythm: Rhythm = RHYTHM) -> None:
        self._location = Path(config.location)
        self._paths = config.paths
        self._clock = clock
        self._interval = config.interval_s
        self._rhythm = rhythm
        self._listing = Listing()
        self._trouble = ""  # why the last reading failed; empty: it did not
        self._heard = asyncio.Event()
        self._poked = False
        loop = asyncio.get_running_loop()

        def heard() -> None:
            with suppress(RuntimeError):  # the loop has ended; so has whoever would look
                loop.call_soon_threadsafe(self._heard.set)

        self._watch = Watch(heard)

    @property
    def deaf(self) -> str:
        return self._watch.deaf

    async def changed(self) -> None:
        # Looked at first, since it may have changed before anybody listened.
        moved = await asyncio.to_thread(self._moved)
        while not self._poked and not moved:
            pause = self._rhythm.absent if self._trouble or self._watch.deaf else self._interval
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._heard.wait()
                await self._burst()
            self._heard.clear()
            moved = await asyncio.to_thread(self._moved) or not self._listing.proves
        self._poked = False

    def poke(self) -> None:
        self._poked = True
        self._heard.set()

    async def latest(self, applied: str = "") -> Fetched:
        self._poked = False
        return await asyncio.to_thread(self._read)

    async def at(self, revision: str) -> Fetched:
        fetched = await self.latest()
        if fetched.revision != revision:
            raise NotFound(
                f"{self._location} is at {fetched.revision}, and {revision} was not kept",
                remedy="`holdfast source history NAME` lists the revisions that can be gone back to",
            )
        return fetched

    async def collect(self, keep: Collection[str]) -> None:
        """Nothing is exported."""

    async def discard(self) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        await asyncio.to_thread(self._watch.close)

    async def _burst(self) -> None:
        """Wait until nothing was heard for a moment: a half-written file is not worth reading."""
        if self._poked:
            return
        end = time.monotonic() + self._rhythm.burst
        while (now := time.monotonic()) < end:
            rest = self._watch.last + self._rhythm.quiet - now
            if rest <= 0:
                return
            await asyncio.sleep(rest)

    def _read(self) -> Fetched:
        try:
            root, paths = self._scope()
            self._listing = read(root, paths, self._listing)
        except Problem as error:
            self._trouble = error.message
            raise
        self._trouble = ""
        listing = self._listing
        notices = tuple(f"{shown(path)}: {NO_NAME}" for path in listing.nameless)
        tree = LiveTree(root, listing)
        return Fetched(listing.revision, tree, listing.digests, self._clock.now(), notices=notices)

    def _moved(self) -> bool:
        """Whether reading would find something else than last time."""
        self._listen()  # before looking, so that nothing falls between
        try:
            stamps = walk(*self._scope())
        except Problem as error:
            return error.message != self._trouble
        return bool(self._trouble) or not self._listing.bears(stamps)

    def _listen(self) -> None:
        """Watch where the folder is, or would appear: also when that changes at this moment."""
        wanted = folders(self._location)
        self._watch.follow(wanted)
        while (again := folders(self._location)) != wanted:
            self._watch.follow(again)
            wanted = again

    def _scope(self) -> tuple[Path, tuple[str, ...]]:
        if self._location.is_file():
            return self._location.parent, (self._location.name,)
        return self._location, self._paths
