"""The inbox as a source: a folder like others, but for what whoever wrote it has allowed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reconciler.ports.clock import Clock
from reconciler.ports.feed import Fetched
from reconciler.ports.sources import SourceConfig
from reconciler.sources.directory import RHYTHM, DirectoryFeed, Rhythm
from reconciler.sources.generations import CURRENT
from reconciler.sources.inbox import ALLOWED, Inbox


class InboxFeed(DirectoryFeed):
    def __init__(self, config: SourceConfig, clock: Clock, rhythm: Rhythm = RHYTHM) -> None:
        Inbox(Path(config.location)).prepare()
        super().__init__(replace(config, paths=(CURRENT,)), clock, rhythm)

    async def latest(self, applied: str = "") -> Fetched:
        fetched = await super().latest(applied)
        return replace(fetched, allow_prune=self._allowed() == fetched.revision)

    def _allowed(self) -> str:
        with suppress(OSError):
            return (self._location / ALLOWED).read_text()
        return ""
