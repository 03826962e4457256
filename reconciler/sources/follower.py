"""One source, followed: fetch when there may be news, hand over what was fetched, wait for more.

Rules: an error is shown and tried again, less and less often; it ends nothing. What is asked for by a
person is answered by a round that began after the asking, and so is a configuration.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Any, Final

from reconciler.errors import Problem, Refused, Unavailable
from reconciler.ports.feed import Feed, Fetched
from reconciler.ports.sources import SourceConfig, SourceState
from reconciler.sources.uptake import Means, Uptake
from reconciler.within import WITHIN

RETRY_S: Final = 1.0  # the first pause after something went wrong; each one more doubles it
LONGEST_S: Final = 60.0
REFUSED: Final = "Refused"
TICK_S: Final = 1.0  # how often the statuses are looked at while a revision is being judged

log = logging.getLogger(__name__)


class Follower:
    def __init__(
        self, config: SourceConfig, feed: Feed, means: Means, told: Callable[[SourceState], None]
    ) -> None:
        self.state = SourceState(config)
        self._feed = feed
        self._told = told
        self._uptake = Uptake(config, means, self._tell)
        self._awake = asyncio.Event()
        self._changed: asyncio.Task[None] | None = None
        self._unheard = ""  # why listening has come to an end
        self._ended = False
        self._allowed = False  # what the next round finds may remove much
        self._asked_within = WITHIN.get()  # for whose request the next round is
        self._failures = 0  # in a row
        self._intake, self._grace_s = means.intake, means.grace_s
        self._patient = False  # nothing is in force yet, so a slow source is not waited for
        self._asked: list[asyncio.Future[SourceState]] = []
        self._answering: list[asyncio.Future[SourceState]] = []  # by the round under way
        self._old_feeds: list[Feed] = []

    def configure(self, config: SourceConfig, feed: Feed | None) -> None:
        """From the next round on; the feed only if it must be another one."""
        self._uptake.config = config
        if feed is not None:
            self._old_feeds.append(self._feed)
            self._feed = feed
        self._tell(config=config, current=False)
        self._awake.set()

    def poke(self, *, allow_prune: bool = False) -> None:
        self._allowed = self._allowed or allow_prune
        self._asked_within = WITHIN.get() or self._asked_within
        self._feed.poke()
        self._awake.set()

    async def read(self) -> SourceState:
        """Look now, and answer with what came of it."""
        answer: asyncio.Future[SourceState] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self.poke()
        return await answer

    @property
    def deaf(self) -> str:
        """Why it is not told of changes, and looks by itself instead."""
        return self._unheard or self._feed.deaf

    def end(self) -> None:
        """Come to an end after this round, whatever becomes of a cancellation on its way through a feed."""
        self._ended = True
        self._awake.set()

    async def discard(self) -> None:
        """After its end: it is followed no more, by nobody."""
        await self._feed.discard()
        await self._uptake.forget()

    async def run(self) -> None:
        try:
            while not self._ended:
                self._awake.clear()
                self._answering, self._asked = self._asked, []
                WITHIN.set(self._asked_within)
                self._asked_within = None
                config = self.state.config
                await self._guarded(self._round())
                self._tell(current=self.state.config is config)
                for answer in self._answering:
                    if not answer.done():
                        answer.set_result(self.state)
                await self._wait()
        finally:
            self._end_answers()
            self._old_feeds.append(self._feed)
            await self._close_old_feeds()

    def _end_answers(self) -> None:
        for answer in (*self._answering, *self._asked):
            if not answer.done():
                answer.set_exception(Unavailable(f"source {self.state.config.name} is not followed any more"))

    # ----------------------------------------------------------------------------------------- one round

    async def _guarded(self, act: Awaitable[object]) -> bool:
        """Do it; a crash is an error like any other: shown, and tried again."""
        try:
            return bool(await act)
        except Problem as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("source %s", self.state.config.name)
            self._fail(f"{type(error).__name__}: {error}")
        self._failures += 1
        return False

    def _fail(self, error: str, **rest: str) -> None:
        """Told to who asks; and once to who reads the log alone."""
        if error != self.state.error:
            log.warning("source %s: %s", self.state.config.name, error)
        self._tell(error=error, **rest)

    async def _round(self) -> bool:
        allowed, self._allowed = self._allowed, False  # whatever comes of this round: it was said of this one
        moment = self._intake.moment
        await self._close_old_feeds()
        await self._uptake.load()
        if self.state.config.suspended:
            await self._uptake.restore(self._feed)
            self._intake.looked(self.state.config.name, moment)
            return True
        try:
            latest = await self._latest()
        except Problem as error:
            # The feed itself knows when to ask again: it is the one who knows what it asks.
            self._fail(str(error), held=REFUSED if isinstance(error, Refused) else "")
            await self._uptake.restore(self._feed)
            if allowed:
                await self._uptake.go_without(error)
            return False
        self._patient = True
        settled = await self._uptake.consider(latest, self._feed, allowed=allowed)
        self._failures = 0 if settled else self._failures + 1
        self._intake.looked(self.state.config.name, moment)
        await self._feed.collect({self._uptake.revision, latest.revision})
        return settled

    async def _latest(self) -> Fetched:
        """The newest revision; if that takes long, what was in force before is so again meanwhile."""
        if self._patient or not self._uptake.revision:
            return await self._feed.latest(self._uptake.revision)
        try:
            async with asyncio.timeout(self._grace_s):
                return await self._feed.latest(self._uptake.revision)
        except TimeoutError:
            self._patient = True
            await self._guarded(self._uptake.restore(self._feed))
            return await self._feed.latest(self._uptake.revision)

    # ------------------------------------------------------------------------------------------- waiting

    async def _wait(self) -> None:
        """Return when another round is due: news, a question, a retry, or a revision that turned out bad."""
        loop = asyncio.get_running_loop()
        retry_at = loop.time() + self._pause()
        while not self._awake.is_set() and loop.time() < retry_at:
            self._listen()
            judging = self._uptake.decides_in
            tick = LONGEST_S if judging is None else min(judging, TICK_S)
            await self._rest(min(tick, retry_at - loop.time()))
            failures = self._failures
            if await self._guarded(self._uptake.judge()):
                return
            if self._failures > failures:  # a round shows whether what went wrong is over
                await self._rest(self._pause())
                return

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._awake.wait()

    def _pause(self) -> float:
        """Until the next try, in seconds; for ever when nothing went wrong."""
        return min(LONGEST_S, RETRY_S * 2.0 ** min(self._failures - 1, 10)) if self._failures else inf

    def _listen(self) -> None:
        if self._changed is None or self._changed.done():
            self._changed = asyncio.create_task(self._hear(self._feed))

    async def _hear(self, feed: Feed) -> None:
        name = self.state.config.name
        try:
            await feed.changed()
            self._unheard = ""
        except Exception as error:
            self._unheard = f"{name} cannot be listened to, so it is looked at instead: {error!r}"
            log.exception("source %s", self._unheard)
            await asyncio.sleep(LONGEST_S)
        self._awake.set()

    async def _stop_listening(self) -> None:
        if self._changed is not None:
            self._changed.cancel()
            await asyncio.wait({self._changed})  # and not the task itself: its cancellation is not ours
            self._changed = None

    async def _close_old_feeds(self) -> None:
        if self._old_feeds:
            await self._stop_listening()
        while self._old_feeds:
            await self._old_feeds.pop().close()

    def _tell(self, **news: Any) -> None:  # noqa: ANN401 - the fields of SourceState
        before, self.state = self.state, replace(self.state, **news)
        if replace(before, fetched_at=self.state.fetched_at) != self.state:
            self._told(self.state)
