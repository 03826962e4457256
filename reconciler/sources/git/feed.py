"""A git repository as a source: its revision is a commit.

Rules: no work tree, ever. What the config's branch, tag or commit stands for is judged before it is given
away: history goes forward only (unless `allow_force`), a tag stays where it was, and a signature is
verified when that is asked. A revision that is refused changes nothing and says why. A remote that fails
is asked less and less often, with jitter.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reconciler.errors import Corrupt, NotFound, Problem
from reconciler.ports.clock import Clock
from reconciler.ports.feed import Fetched
from reconciler.ports.sources import SourceConfig
from reconciler.ref_text import DEFAULT_NAMESPACE
from reconciler.sources.git.address import Address, Way
from reconciler.sources.git.auth import Access, Auth, login
from reconciler.sources.git.exports import Exports
from reconciler.sources.git.history import INCOMING, Selection, allows_prune, check_history
from reconciler.sources.git.libgit2 import Libgit2
from reconciler.sources.git.listing import Listing, scope
from reconciler.sources.git.mirror import Mirror
from reconciler.sources.git.pace import Pace
from reconciler.sources.git.signatures import Trust, Verify
from reconciler.sources.git.ssh import OpenSsh
from reconciler.sources.git.threads import in_thread
from reconciler.sources.git.transport import Patience, Transport, cleaned
from reconciler.sources.git.tree import GitTree
from reconciler.sources.homes import exported, mirrors, remove

MAX_MESSAGE: Final = 4096
MAX_NEW_COMMITS: Final = 10_000  # whose messages are read for the trailer
PATIENCE: Final = Patience()


class GitFeed:
    """The revisions of one repository."""

    deaf = ""  # to ask now and then is its way

    def __init__(
        self, config: SourceConfig, data: Path, access: Access, clock: Clock, patience: Patience = PATIENCE
    ) -> None:
        self._config = config
        self._access = access
        self._clock = clock
        with self._placed():
            self._selection = Selection.of(config)
            self._scope = scope(config.paths)
            self._address = Address.parse(config.location)
            self._auth = Auth.read(config.auth)
            self._verify = Verify.read(config.verify)
        self._namespace = config.name.rpartition("/")[0] or DEFAULT_NAMESPACE
        self._home = mirrors(data, config.name)
        self._exports = Exports(exported(self._home))
        transport = OpenSsh if self._address.way is Way.SSH else Libgit2
        self._transport: Transport = transport(self._address, patience)
        self._mirror: Mirror | None = None
        self._listing = Listing()
        self._turn = asyncio.Lock()
        self._poked = asyncio.Event()
        self._pace = Pace(config.interval_s)

    async def changed(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.pause(random.random())):  # noqa: S311 - it only spreads the load
                await self._poked.wait()
        self._poked.clear()
        await asyncio.sleep(self._pace.gap(asyncio.get_running_loop().time()))

    def poke(self) -> None:
        self._poked.set()

    async def latest(self, applied: str = "") -> Fetched:
        return await self._with_mirror(lambda mirror: self._latest(mirror, applied))

    async def at(self, revision: str) -> Fetched:
        return await self._with_mirror(lambda mirror: self._at(mirror, revision))

    async def collect(self, keep: Collection[str]) -> None:
        async with self._turn:
            await in_thread(self._collect, await self._opened(), keep)

    async def discard(self) -> None:
        async with self._turn:
            self._mirror = None
            await in_thread(remove, self._home)

    async def close(self) -> None:
        self._transport.stop()

    async def _with_mirror(self, work: Callable[[Mirror], Awaitable[Fetched]]) -> Fetched:
        """Do it one at a time; with a mirror that turns out to be torn, once more with a new one."""
        async with self._turn:
            with self._placed():
                mirror = await self._opened()
                if not mirror.torn:
                    with suppress(Corrupt):
                        return await work(mirror)
                await in_thread(mirror.renew)
                self._listing = Listing()
                try:
                    return await work(mirror)
                except Corrupt:
                    self._pace.failed()  # the remote itself is torn: it is not fetched anew all the time
                    raise

    async def _latest(self, mirror: Mirror, applied: str) -> Fetched:
        if self._selection.kind != "commit" or not mirror.expand(self._selection.name):
            await self._fetch(mirror)
        return await in_thread(self._newest, mirror, self._trust(), applied)

    async def _at(self, mirror: Mirror, revision: str) -> Fetched:
        if not mirror.expand(revision):
            await self._fetch(mirror)
        commit = mirror.expand(revision)
        if not commit:
            raise NotFound(
                f"commit {cleaned(revision, 40)} is not in the repository",
                remedy="`holdfast source history NAME` lists the revisions that can be gone back to",
            )
        return await in_thread(self._given, mirror, self._trust(), commit)

    async def _fetch(self, mirror: Mirror) -> None:
        if self._pace.failures:
            await in_thread(mirror.sweep)
        self._pace.begin(asyncio.get_running_loop().time())
        who = await login(self._auth, self._address, self._namespace, self._access)
        offered = await self._transport.fetch(mirror.folder, self._selection.refspecs, who)
        self._selection.check_offered(offered)
        self._pace.worked()

    def _newest(self, mirror: Mirror, trust: Trust | None, applied: str) -> Fetched:
        head = mirror.target(INCOMING) if self._selection.remote_name else mirror.expand(self._selection.name)
        if not head:
            raise NotFound(f"{self._selection} is not in the repository", remedy="push it, or name another")
        if not self._config.allow_force:
            check_history(mirror, self._selection, head, applied)
        news = mirror.messages(head, applied, MAX_NEW_COMMITS if applied else 1)
        fetched = self._given(mirror, trust, head, allow_prune=allows_prune(news))
        if mirror.target(self._selection.mark) != head:
            mirror.mark(self._selection.mark, head)
            mirror.tidy()
        return fetched

    def _given(self, mirror: Mirror, trust: Trust | None, id: str, *, allow_prune: bool = False) -> Fetched:
        commit = mirror.commit(id)
        signer = ""
        if trust is not None:
            signer = trust.check(commit.id, commit.at, *mirror.signature(commit.id))
        self._listing = self._listing.moved_to(mirror, commit.tree, self._scope)
        return Fetched(
            revision=id,
            tree=GitTree(commit.tree, mirror, self._exports),
            paths=MappingProxyType(self._listing.files),
            at=self._clock.now(),
            message=cleaned(commit.message, MAX_MESSAGE),
            author=cleaned(commit.author),
            signer=signer,
            allow_prune=allow_prune,
            notices=self._listing.told(),
        )

    def _collect(self, mirror: Mirror, keep: Collection[str]) -> None:
        commits = [mirror.expand(revision) for revision in keep if revision]
        if all(commits):  # one that is not here may need any of them
            self._exports.collect(mirror, [mirror.commit(commit).tree for commit in commits])

    def _trust(self) -> Trust | None:
        """Those who may sign as they are now, when a signature is asked for."""
        if self._verify is None:
            return None
        return Trust.gather(self._verify, self._namespace, self._access.keys)

    async def _opened(self) -> Mirror:
        if self._mirror is None:
            self._mirror = await in_thread(Mirror, self._home, self._address.url)
        return self._mirror

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """Errors that say of which source they speak."""
        try:
            yield
        except Problem as error:
            raise type(error)(
                f"source '{self._config.name}': {error.message}", remedy=error.remedy
            ) from error
