"""Every source of the node, each followed by a task of its own.

Rules: one source's trouble is no other's; a source that is configured again goes on from where it is,
and only what the feed is made of makes it a new feed; a source that is removed declares nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import replace

from reconciler.errors import Invalid, NotFound, Unavailable
from reconciler.model import EMPTY
from reconciler.ports.feed import Feed
from reconciler.ports.sources import OnInvalid, SourceConfig, SourceState
from reconciler.sources.follower import Follower
from reconciler.sources.uptake import Means

FeedFactory = Callable[[SourceConfig], Feed]


class Supervisor:
    """Implements the port `Sources`."""

    def __init__(self, feeds: Mapping[str, FeedFactory], means: Means) -> None:
        self._feeds = feeds
        self._means = means
        self._followed: dict[str, tuple[Follower, asyncio.Task[None]]] = {}
        self._closed = False
        self._awaited: list[asyncio.Future[None]] = []  # by those who wait for a source to be followed
        self._subscribers: list[Callable[[str], None]] = []
        means.intake.ask_others(self._look_at_others)

    async def configure(self, config: SourceConfig) -> None:
        """Follow this source from now on, or go on following it like this."""
        if self._closed:
            raise Unavailable(f"source {config.name} is not followed: the node is stopping")
        followed = self._followed.get(config.name)
        if followed is None:
            follower = Follower(config, self._feed(config), self._means, self._told)
            # Whatever it was begun within, it goes on after that.
            task = asyncio.create_task(follower.run(), name=f"source {config.name}", context=Context())
            self._followed[config.name] = follower, task
            while self._awaited:
                _answer(self._awaited.pop())
            self._told(follower.state)
        elif followed[0].state.config != config:
            same = _of_feed(config) == _of_feed(followed[0].state.config)
            followed[0].configure(config, None if same else self._feed(config))

    async def remove(self, name: str) -> None:
        followed = self._followed.pop(name, None)
        if followed is None:
            return
        await _end(followed)
        await followed[0].discard()
        await self._means.intake.forget_source(name)
        for subscriber in self._subscribers:
            subscriber(name)

    async def close(self) -> None:
        """Stop following, for good; what is in force stays."""
        self._closed = True
        followed = list(self._followed.values())
        self._followed.clear()
        await asyncio.gather(*map(_end, followed))

    def state(self, name: str) -> SourceState | None:
        followed = self._followed.get(name)
        if followed is None:
            return None
        follower, intake = followed[0], self._means.intake
        state, deaf = follower.state, follower.deaf
        withheld, clashes = intake.withheld(name), intake.clashes(name)
        if not withheld and not clashes and not deaf:
            return state
        return replace(state, withheld=withheld, problems=(*state.problems, *clashes), deaf=deaf)

    def states(self) -> list[SourceState]:
        """Of every source, in the order of their names."""
        return [state for name in sorted(self._followed) if (state := self.state(name)) is not None]

    def names(self) -> frozenset[str]:
        return frozenset(self._followed)

    async def until_followed(self, name: str) -> None:
        while name not in self._followed:
            arrived = asyncio.get_running_loop().create_future()
            self._awaited.append(arrived)
            await arrived

    def poke(self, name: str, *, allow_prune: bool = False) -> None:
        self._follower(name).poke(allow_prune=allow_prune)

    async def read(self, name: str) -> SourceState:
        """Look at a source now, and answer with what came of it."""
        return await self._follower(name).read()

    def subscribe(self, changed: Callable[[str], None]) -> None:
        self._subscribers.append(changed)

    def _look_at_others(self, source: str) -> None:
        for name, (follower, _) in self._followed.items():
            if name != source:
                follower.poke()

    def _follower(self, name: str) -> Follower:
        if name not in self._followed:
            known = ", ".join(sorted(self._followed)) or "none"
            raise NotFound(f"there is no source '{name}'", remedy=f"sources of this node: {known}")
        return self._followed[name][0]

    def _feed(self, config: SourceConfig) -> Feed:
        factory = self._feeds.get(config.type)
        if factory is None:
            raise Invalid(f"source {config.name}: there is no source of the type '{config.type}'")
        return factory(config)

    def _told(self, state: SourceState) -> None:
        for subscriber in self._subscribers:
            subscriber(state.config.name)


def _of_feed(config: SourceConfig) -> SourceConfig:
    """What a feed is made of; the rest is about how its revisions are read and taken."""
    return replace(
        config,
        on_invalid=OnInvalid.HOLD,
        on_failure="",
        progress_deadline_s=0.0,
        substitute=EMPTY,
        patches=(),
        hook=EMPTY,
        hold="",
        suspended=False,
        parent="",
    )


def _answer(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


async def _end(followed: tuple[Follower, asyncio.Task[None]]) -> None:
    follower, task = followed
    follower.end()
    task.cancel()
    await asyncio.wait({task})  # and not the task itself: its cancellation is not ours
