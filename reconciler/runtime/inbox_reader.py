"""The inbox read: what was just written there into force, and what lies there while no source follows it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from reconciler.engine.entry import Entry
from reconciler.errors import Failed, Unavailable
from reconciler.model import EMPTY, Ref, Snapshot
from reconciler.ports.sources import SourceConfig
from reconciler.runtime.bundle import INBOX
from reconciler.runtime.parts import Parts
from reconciler.sources.generations import CURRENT
from reconciler.sources.inbox import ref_of

BEGINNING_S = 10.0  # until the node follows its own sources


class InboxReader:
    def __init__(self, node: Parts) -> None:
        self._node = node

    async def peek(self, besides: Collection[Ref] = ()) -> Snapshot:
        """What lies in the inbox, but for what is known already. For who has no source that follows it."""
        if not self._node.inbox.besides(besides):
            return Snapshot(INBOX, "", EMPTY)
        from reconciler.sources.directory import DirectoryFeed  # seldom needed, and it watches

        config = SourceConfig(INBOX, "inbox", str(self._node.inbox.folder), paths=(CURRENT,))
        fetched = await DirectoryFeed(config, self._node.clock).latest()
        unknown = {path: digest for path, digest in fetched.paths.items() if ref_of(path) not in besides}
        return self._node.reader.snapshot(config, replace(fetched, paths=unknown))

    async def peek_whole(self) -> None:
        """Take the inbox as it lies there; who only looks decides nothing, so nothing is taken away."""
        if self._node.engine.snapshot(INBOX) is not None:  # an `apply` or a `delete` before has taken it
            return
        snapshot = await self.peek()
        looking = Unavailable("nothing is decided by who only looks")
        await self._node.engine.submit(replace(snapshot, problems=(*snapshot.problems, looking)))

    async def read(self, snapshot: Snapshot, ready: Mapping[Ref, Entry] = EMPTY) -> None:
        """Take what was just written there into force, and say what speaks against it.

        Where no source follows the inbox, `snapshot` is taken as what it holds now; `ready` needs no pass.
        """
        if self._node.living:
            await self._until_the_inbox_is_followed()
            state = await self._node.sources.read(INBOX)
            trouble = state.error or (state.held and f"{state.held}: {'; '.join(state.problems)}")
            if trouble:
                raise Failed(f"the inbox was written, but is not in force: {trouble}")
            return
        await self._node.engine.submit(snapshot, ready)

    async def _until_the_inbox_is_followed(self) -> None:
        """Right after the start the engine has not come to it yet."""
        try:
            async with asyncio.timeout(BEGINNING_S):
                await self._node.sources.until_followed(INBOX)
        except TimeoutError:
            raise Unavailable(
                "the inbox was written, and is not read yet", remedy="`holdfast get source` says why"
            ) from None
